#include "model/arrow_column.h"

namespace luge {

namespace {

constexpr std::size_t bitmap_bytes(std::size_t bits) { return (bits + 7) / 8; }

/// Leaves no bit set past the end: whoever appends next may set bits only.
void truncate_bitmap(Buffer& bits, std::size_t count) {
  bits.resize(bitmap_bytes(count));
  if ((count & 7) != 0) bits.data()[count >> 3] = static_cast<std::uint8_t>(bits.data()[count >> 3] & ((1U << (count & 7)) - 1));
}

}  // namespace

std::size_t ArrowColumn::bytes() const {
  std::size_t total = validity.size() + offsets.size() + values.size();
  for (const ArrowColumn& child : children) total += child.bytes();
  return total;
}

void ArrowColumn::truncate(std::size_t rows) {
  if (rows >= length) return;
  if (!validity.empty()) {
    for (std::size_t row = rows; row < length; ++row) {
      if (!bit_at(validity.data(), row)) --null_count;
    }
    truncate_bitmap(validity, rows);
    if (null_count == 0) validity.clear();
  }
  length = rows;
  if (has_offsets(type.kind)) {
    offsets.resize((rows + 1) * sizeof(std::int32_t));
    const auto end = static_cast<std::size_t>(offsets.as<std::int32_t>()[rows]);
    if (type.kind == ValueKind::list) {
      for (ArrowColumn& child : children) child.truncate(end);
    } else {
      values.resize(end);
    }
  } else if (type.kind == ValueKind::boolean) {
    truncate_bitmap(values, rows);
  } else if (type.kind == ValueKind::time_tz) {
    for (ArrowColumn& child : children) child.truncate(rows);
  } else {
    values.resize(rows * value_width(type.kind));
  }
}

}  // namespace luge
