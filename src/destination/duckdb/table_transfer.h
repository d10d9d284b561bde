#pragma once
#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"

namespace luge {

/// Appends all rows of `source`, as `reader` sees it, to `target`, a table with the same columns that only `writer`'s open
/// transaction may see. One chunk in memory at a time.
Status transfer_rows(DuckdbConnection& reader, const TargetName& source, DuckdbConnection& writer, const TargetName& target);

}  // namespace luge
