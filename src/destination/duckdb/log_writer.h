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
///   _luge_epoch, _luge_lsn (commit LSN), _luge_ordinal    the position; copied rows: see append_copy_to_log()
///   _luge_xid          top-level transaction, 64 bits; 0 for copied rows
///   _luge_commit_time  NULL for copied rows
///   _luge_present      character n is about the column whose attnum in PostgreSQL is n: 1 = the change carried its value, 0 = it did
///                      not (unchanged TOAST; a deleted row's columns outside its key); NULL: it carried all there were
/// A change of a key is a `d` of the old key and a `u` of the whole new row, both with one ordinal.
Status create_log_table(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema);

/// Appends copied rows to the log that a first copy begins: LSN 0, ordinals from `first_ordinal`.
Status append_copied_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch,
                            std::uint64_t first_ordinal);

/// Appends a later copy, whose rows stand in the log `copied`, to a log of the same shape: a `t` row, and then its rows. Their
/// positions follow the last one in the log (in a new epoch: LSN 0), with which they share the commit LSN.
Status append_copy_to_log(DuckdbConnection& connection, const TargetName& target, const TargetName& copied, const TableSchema& schema, Epoch epoch);

/// Appends changes in their order.
Status append_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch);

Status append_truncate_to_log(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema, const Truncate& truncate);

}  // namespace luge
