#include "model/row_filter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ensure.h"

namespace luge {

namespace {

using Slices = std::span<const RowRange>;

void keep_bits(Buffer& bits, Slices slices) {
  if (bits.empty()) return;
  std::size_t to = 0;
  for (const RowRange& slice : slices) {
    for (std::size_t from = slice.begin; from < slice.end; ++from, ++to) {
      if (bit_at(bits.data(), from)) {
        set_bit(bits.data(), to);
      } else {
        clear_bit(bits.data(), to);
      }
    }
  }
  bits.resize((to + 7) / 8);
  for (; (to & 7) != 0; ++to) clear_bit(bits.data(), to);
}

void keep_bytes(Buffer& values, std::size_t width, Slices slices) {
  if (values.empty()) return;
  std::size_t to = 0;
  for (const RowRange& slice : slices) {
    const std::size_t count = std::size_t{slice.end - slice.begin} * width;
    std::memmove(values.data() + to, values.data() + slice.begin * width, count);
    to += count;
  }
  values.resize(to);
}

/// Rewrites the offsets and returns the slices of the data that stay.
std::vector<RowRange> keep_offsets(Buffer& buffer, Slices slices) {
  std::vector<RowRange> data;
  auto* offsets = buffer.as<std::int32_t>();
  std::size_t to = 0;
  std::int32_t end = 0;
  for (const RowRange& slice : slices) {
    const std::int32_t first = offsets[slice.begin];
    const std::int32_t last = offsets[slice.end];
    const std::int32_t shift = first - end;
    for (std::size_t from = slice.begin; from < slice.end; ++from) offsets[to++] = offsets[from] - shift;
    if (last > first) data.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)});
    end += last - first;
  }
  offsets[to] = end;
  buffer.resize((to + 1) * sizeof(std::int32_t));
  return data;
}

template <class T>
void keep_items(std::vector<T>& items, Slices slices) {
  if (items.empty()) return;
  std::size_t to = 0;
  for (const RowRange& slice : slices) {
    for (std::size_t from = slice.begin; from < slice.end; ++from) items[to++] = items[from];
  }
  items.resize(to);
}

void keep_runs(std::vector<TransactionRun>& runs, Slices slices) {
  std::vector<TransactionRun> kept;
  std::uint32_t begin = 0;
  std::uint32_t kept_rows = 0;
  auto slice = slices.begin();
  for (const TransactionRun& run : runs) {
    std::uint32_t count = 0;
    for (; slice != slices.end() && slice->begin < run.end_row; ++slice) {
      count += std::min(slice->end, run.end_row) - std::max(slice->begin, begin);
      if (slice->end > run.end_row) break;  // goes on in the next run
    }
    begin = run.end_row;
    if (count == 0) continue;
    kept_rows += count;
    kept.push_back(run);
    kept.back().end_row = kept_rows;
  }
  runs = std::move(kept);
}

}  // namespace

void keep_values(ArrowColumn& column, Slices slices) {
  std::size_t length = 0;
  std::size_t nulls = 0;
  for (const RowRange& slice : slices) {
    length += slice.end - slice.begin;
    for (std::size_t row = slice.begin; row < slice.end && column.null_count > 0; ++row) nulls += column.is_null(row) ? 1 : 0;
  }
  keep_bits(column.validity, slices);
  if (nulls == 0) column.validity.clear();
  column.length = length;
  column.null_count = nulls;
  switch (column.type.kind) {
    case ValueKind::boolean: keep_bits(column.values, slices); break;
    case ValueKind::list: keep_values(column.children.front(), keep_offsets(column.offsets, slices)); break;
    case ValueKind::time_tz:
      for (ArrowColumn& child : column.children) keep_values(child, slices);
      break;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: keep_bytes(column.values, 1, keep_offsets(column.offsets, slices)); break;
    default: keep_bytes(column.values, value_width(column.type.kind), slices); break;
  }
}

void keep_rows(TableChunk& chunk, std::span<const RowRange> ranges) {
  std::vector<RowRange> slices;
  std::uint32_t rows = 0;
  std::uint32_t last = 0;
  for (const RowRange& range : ranges) {
    ENSURE(range.begin >= last && range.begin <= range.end && range.end <= chunk.rows, "ranges of rows ascend and lie in the chunk");
    last = range.end;
    rows += range.end - range.begin;
    if (range.end > range.begin) slices.push_back({range.begin, range.end});
  }
  if (rows == chunk.rows) return;
  keep_runs(chunk.runs, slices);
  keep_items(chunk.ops, slices);
  keep_items(chunk.ordinals, slices);
  for (ArrowColumn& column : chunk.columns) keep_values(column, slices);
  for (Buffer& bits : chunk.present) keep_bits(bits, slices);
  chunk.rows = rows;
}

}  // namespace luge
