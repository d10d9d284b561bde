#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "destination/duckdb/byte_map.h"
#include "destination/duckdb/row_ref.h"

namespace luge {

/// Folds consecutive changes of a keyless table, whose rows are a multiset: equal rows that are inserted and deleted cancel.
/// Borrows the chunks; all have one shape.
class MultisetFold {
 public:
  explicit MultisetFold(std::span<const TableChunk> chunks);

  /// Folds all rows up to the first anomaly. Call once.
  std::optional<FoldAnomaly> run();

  /// `count` copies of one row; values that `row` does not carry are in `old_image`.
  struct Copies {
    RowRef row;
    std::optional<RowRef> old_image;
    std::int64_t count = 0;
  };
  const std::vector<Copies>& removed() const { return removed_; }  ///< distinct as DuckDB compares (floats merged)
  const std::vector<Copies>& added() const { return added_; }

  /// The row that carries a column's value.
  RowRef carrier(const Copies& copies, std::size_t column) const;

 private:
  std::optional<FoldAnomaly> count(RowRef at, std::optional<RowRef> old_image, std::int64_t change);
  void collect();

  std::span<const TableChunk> chunks_;
  ByteMap rows_;
  std::vector<Copies> balance_;  ///< by row number
  Buffer scratch_;
  std::vector<Copies> removed_;
  std::vector<Copies> added_;
};

}  // namespace luge
