#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/table_chunk.h"

namespace luge {

/// A row of one of several chunks.
struct RowRef {
  std::uint32_t chunk = 0;
  std::uint32_t row = 0;
  friend auto operator<=>(const RowRef&, const RowRef&) = default;
};

/// A change that contradicts the changes before it or the table, or lacks what it needs: reason to quarantine the table there.
struct FoldAnomaly {
  RowRef at;
  std::string code;
  std::string reason;
};

/// The transaction of a row; its chunk has runs.
inline const TransactionRun& run_of(const TableChunk& chunk, std::uint32_t row) {
  std::size_t low = 0;
  std::size_t high = chunk.runs.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (row < chunk.runs[middle].end_row) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return chunk.runs[low];
}

}  // namespace luge
