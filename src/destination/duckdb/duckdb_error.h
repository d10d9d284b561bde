#pragma once
#include <duckdb.h>
#include <string>
#include <string_view>

#include "base/error.h"

namespace luge {

/// Classifies a failure by DuckDB's error type. DuckDB's own words are kept only for types whose messages hold names, sizes and
/// paths; a conversion or constraint error would quote a row value. `doing` says what luge did ("applying changes to public.t").
/// `path` is the database file: an I/O error becomes "disk_full" when no space can be had beside it.
Error duckdb_failure(duckdb_error_type type, const char* message, std::string_view doing, const std::string& path);

/// True if not even a small file fits into the directory of `path` (by errno of an attempt, never by message text).
bool disk_is_full(const std::string& path);

}  // namespace luge
