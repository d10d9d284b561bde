#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace luge {

/// "na""me": always quoted, so that no name is ever a keyword or folded.
std::string duckdb_identifier(std::string_view name);
/// 'te''xt'
std::string duckdb_literal(std::string_view text);
/// Names that DuckDB takes for one: its identifiers are compared without regard to ASCII case.
std::string folded_name(std::string_view name);

/// Where a table stands inside the database file.
struct TargetName {
  std::string schema;
  std::string table;
  friend bool operator==(const TargetName&, const TargetName&) = default;
};

}  // namespace luge
