#pragma once
#include <cstdint>
#include <span>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/row_ref.h"
#include "model/batch.h"
#include "model/table_chunk.h"

namespace luge {

/// The change log of a table (`--mode log`): "<table>__log" holds one row per change, with the source's columns and
///   _luge_op           i, u, d or t (truncate)
///   _luge_epoch, _luge_lsn (commit LSN), _luge_ordinal    the position; copied rows have LSN 0 and ordinals of their own
///   _luge_xid          top-level transaction, 64 bits
///   _luge_commit_time  NULL for copied rows
///   _luge_present      one character per source column in the order of the columns then, 1 = the change carried the value,
///                      0 = it did not (unchanged TOAST; a deleted row's columns outside its key); NULL when all are 1
/// A change of a key is a `d` of the old key and a `u` of the whole new row, both with one ordinal.
Status create_log_table(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema);

/// Appends copied rows; their ordinals count from `first_ordinal`.
Status append_copied_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch,
                            std::uint64_t first_ordinal);

/// Appends changes in their order.
Status append_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch);

Status append_truncate_to_log(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema, const Truncate& truncate);

}  // namespace luge
