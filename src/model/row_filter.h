#pragma once
#include <cstdint>
#include <span>

#include "model/table_chunk.h"

namespace luge {

/// Rows [begin, end).
struct RowRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// Keeps the values of ascending, disjoint ranges; moves them together in place.
void keep_values(ArrowColumn& column, std::span<const RowRange> ranges);
/// Keeps the rows of ascending, disjoint ranges in the same way. Runs without rows go.
void keep_rows(TableChunk& chunk, std::span<const RowRange> ranges);

}  // namespace luge
