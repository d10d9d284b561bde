#pragma once
#include <string>

#include "destination/duckdb/duckdb_handles.h"
#include "model/arrow_column.h"
#include "model/value_type.h"

namespace luge {

/// DuckDB's name of the type that holds every value of `type` ("DECIMAL(18,2)", "JSON", "INTEGER[]").
std::string duckdb_type_name(const ValueType& type);

LogicalType duckdb_logical_type_of(const ValueType& type);

/// True if DuckDB's cast of a column keeps every value exactly as PostgreSQL's change of type without a rewrite would:
/// wider integers, wider decimals, float to double, json to text, and to text where both write the same.
bool widens(const ValueType& from, const ValueType& to);

/// A constant expression for the value of `row`: for a column's default only, never for logs.
std::string duckdb_constant(const ArrowColumn& column, std::size_t row);

}  // namespace luge
