#pragma once
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "model/arrow_column.h"
#include "model/position.h"
#include "model/table_row.h"
#include "model/table_schema.h"

namespace luge {

/// Counts a table's copies; a restarted or repeated copy gets the next number.
using Attempt = std::uint32_t;

/// Rows of one transaction inside a chunk.
struct TransactionRun {
  std::uint32_t end_row = 0;  ///< one past its last row in the chunk
  Lsn commit_lsn;             ///< 0 while the transaction is still open (streamed)
  Xid xid = 0;                ///< top level, 64 bits
  PgTimestamp commit_time;
};

/// Rows of one table in one shape, in Arrow layout: the only row form inside luge. Move-only.
/// Streamed changes: row i has ops[i], ordinals[i], and belongs to the run that covers i. Rows are in commit order.
/// An update whose key changed (or that has a full old image) is two rows with one ordinal: old_image, then update.
/// Copied rows (initial copy): ops, ordinals and runs are empty; every row is an insert.
struct TableChunk {
  TableSchemaPtr schema;
  std::uint32_t rows = 0;
  std::vector<RowOp> ops;
  std::vector<std::uint64_t> ordinals;
  std::vector<TransactionRun> runs;
  std::vector<ArrowColumn> columns;  ///< one per schema column, each `rows` long
  /// Per column: bitmap, bit 1 = present; an empty buffer means "all present". Absent: unchanged TOAST, or not part of a key tuple.
  std::vector<Buffer> present;

  bool is_present(std::size_t column, std::size_t row) const {
    return present.empty() || present[column].empty() || bit_at(present[column].data(), row);
  }
  /// Only inserts with every value present: the delete side can be skipped.
  bool insert_only() const;
  std::size_t bytes() const;
  /// Drops rows at or after `rows_kept`.
  void truncate(std::uint32_t rows_kept);
};

}  // namespace luge
