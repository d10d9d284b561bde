#pragma once
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/row_ref.h"
#include "model/table_chunk.h"

namespace luge {

/// CREATE TABLE with the source's columns, nullable, without constraints. The schema is made if needed.
Status create_mirror_table(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema);

/// Appends copied rows or inserts as they are.
Status append_rows(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk);

/// Applies consecutive changes of one table, all in the shape of the target, inside the connection's transaction: reads absent
/// values by base key, deletes the touched keys, appends the rows as they end. An anomaly is no error: what came before it (or, if
/// the table itself disagrees, all that could be applied) is applied, and the table must be quarantined there.
Result<std::optional<FoldAnomaly>> apply_to_mirror(DuckdbConnection& connection, const TargetName& target, std::span<const TableChunk> chunks);

}  // namespace luge
