#pragma once
#include <memory>

#include "destination/destination.h"
#include "destination/duckdb/duckdb_options.h"

namespace luge {

/// `duckdb:PATH`: the mirror, or the log, in one DuckDB file. Every commit holds whole transactions of all tables together with the
/// checkpoint, so the file is always the source at one LSN. Tables that are being copied keep their changes in the file too.
std::unique_ptr<Destination> make_duckdb_destination(DuckdbOptions options);

}  // namespace luge
