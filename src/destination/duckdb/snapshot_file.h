#pragma once
#include <functional>
#include <string>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"

namespace luge {

/// Writes the tables that `reader`'s transaction sees (without luge's own) into a new DuckDB file and renames it to `path`: whoever
/// opens `path` gets the old file or the new one, and whoever has the old one open keeps it. Its table _luge.snapshot says where it
/// stands. Reads the whole mirror, or up to the moment that `ended` says so, and then leaves the old file.
Status write_snapshot_file(DuckdbConnection& reader, const std::string& path, const std::function<bool()>& ended);

}  // namespace luge
