#pragma once
#include <cstddef>

#include "model/arrow_column.h"

namespace luge {

/// When two values count as one.
enum class Sameness : char {
  as_duckdb_compares,  ///< -0.0 is 0.0, all NaN are one, 30 days are a month: for keys, which DuckDB's joins look up
  floats_as_duckdb,    ///< only the rules about floats: -0.0 and 0.0 may have become one in the file
  exact,               ///< byte for byte
};

/// Appends bytes that are equal exactly when the values are. NULL equals NULL. Values of several columns can be appended one after
/// the other: the encoding is prefix-free.
void append_value_bytes(const ArrowColumn& column, std::size_t row, Sameness sameness, Buffer& out);

/// True for floats and lists of them: different bytes that DuckDB may store as one.
bool has_float_twins(const ValueType& type);
/// True for intervals and lists of them: different values that DuckDB's = takes for one.
bool has_interval_twins(const ValueType& type);

}  // namespace luge
