#pragma once
#include <cstddef>

#include "destination/duckdb/duckdb_handles.h"
#include "model/arrow_column.h"

namespace luge {

/// Writes `count` values of `column` from row `first` into `out` from its row `at`. Fixed widths are copied, strings longer than
/// twelve bytes point into the Arrow buffer: the column must outlive what DuckDB does with the vector. `out` was made for
/// duckdb_logical_type_of(column.type) and its rows from `at` on are untouched since its reset.
void write_values(const ArrowColumn& column, std::size_t first, std::size_t count, duckdb_vector out, std::size_t at);

void write_nulls(std::size_t count, duckdb_vector out, std::size_t at);

/// A borrowed string into row `at`.
void write_string(const char* bytes, std::size_t length, duckdb_vector out, std::size_t at);

}  // namespace luge
