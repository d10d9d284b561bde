#pragma once
#include <cstdint>
#include <vector>

#include "model/buffer.h"
#include "model/value_type.h"

namespace luge {

/// Values of one column in Arrow's memory layout (ValueKind says which). Owning, move-only.
/// validity: bitmap, bit 1 = valid; empty means "no nulls". offsets: int32 x (length + 1) for text, json, binary, list; empty otherwise.
/// values: the data buffer (bit-packed for boolean). children: list: {element}; time_tz: {time, offset_seconds (int32)}.
/// A null's slot in `values` is present and zeroed (fixed width) or empty (offsets repeat).
struct ArrowColumn {
  ValueType type;
  std::size_t length = 0;
  std::size_t null_count = 0;
  Buffer validity;
  Buffer offsets;
  Buffer values;
  std::vector<ArrowColumn> children;

  bool is_null(std::size_t row) const { return !validity.empty() && !bit_at(validity.data(), row); }
  /// Bytes held, children included.
  std::size_t bytes() const;
  /// Drops all rows at or after `rows` (an aborted subtransaction).
  void truncate(std::size_t rows);
};

}  // namespace luge
