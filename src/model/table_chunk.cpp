#include "model/table_chunk.h"

#include <algorithm>

namespace luge {

namespace {

bool all_set(const Buffer& bits, std::size_t count) {
  const std::uint8_t* data = bits.data();
  if (!std::all_of(data, data + count / 8, [](std::uint8_t byte) { return byte == 0xFF; })) return false;
  const unsigned rest = (1U << (count & 7)) - 1;
  return rest == 0 || (data[count / 8] & rest) == rest;
}

}  // namespace

bool TableChunk::insert_only() const {
  return std::all_of(ops.begin(), ops.end(), [](RowOp op) { return op == RowOp::insert; }) &&
         std::all_of(present.begin(), present.end(), [this](const Buffer& bits) { return bits.empty() || all_set(bits, rows); });
}

std::size_t TableChunk::bytes() const {
  std::size_t total = ops.size() * sizeof(RowOp) + ordinals.size() * sizeof(std::uint64_t) + runs.size() * sizeof(TransactionRun);
  for (const ArrowColumn& column : columns) total += column.bytes();
  for (const Buffer& bits : present) total += bits.size();
  return total;
}

void TableChunk::truncate(std::uint32_t rows_kept) {
  if (rows_kept >= rows) return;
  rows = rows_kept;
  if (!ops.empty()) ops.resize(rows_kept);
  if (!ordinals.empty()) ordinals.resize(rows_kept);
  while (!runs.empty() && (runs.size() == 1 ? 0 : runs[runs.size() - 2].end_row) >= rows_kept) runs.pop_back();
  if (!runs.empty()) runs.back().end_row = rows_kept;
  for (ArrowColumn& column : columns) column.truncate(rows_kept);
  for (Buffer& bits : present) {
    if (bits.empty()) continue;
    bits.resize((rows_kept + 7U) / 8U);
    if ((rows_kept & 7U) != 0) bits.data()[rows_kept / 8U] = static_cast<std::uint8_t>(bits.data()[rows_kept / 8U] & ((1U << (rows_kept & 7U)) - 1U));
  }
}

}  // namespace luge
