#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/table_schema.h"

namespace luge {

/// "NA""ME": always quoted, so that no name is ever a keyword or folded.
std::string snowflake_identifier(std::string_view name);
/// 'te''xt': Snowflake reads backslashes in single quotes as escapes, so they are doubled too.
std::string snowflake_literal(std::string_view text);
/// What a source's name is called in Snowflake: ASCII letters in upper case, which is what an unquoted name in a query means there; or as it is.
std::string snowflake_name(std::string_view name, bool keep_case);

/// Where a table of the source stands in Snowflake.
struct TablePlace {
  std::string schema;
  std::string state;  ///< ORDERS
  std::string log;    ///< ORDERS__LOG
  friend auto operator<=>(const TablePlace&, const TablePlace&) = default;
};

/// `schema`: SnowflakeOptions::schema; empty: the source's.
TablePlace snowflake_place(const TableName& name, std::string_view schema, bool keep_case);
/// Of one attempt's copy, in the state table's schema: ORDERS__COPY_3.
std::string snowflake_copy_name(const TablePlace& place, std::uint32_t attempt);

/// Names of the columns of `schema` in Snowflake, in order. Refuses names of luge's own (_LUGE_…) and columns that a default pipe cannot tell
/// apart, which compares without regard to case ("name": Recovery::quarantine_table).
Result<std::vector<std::string>> snowflake_column_names(const TableSchema& schema, bool keep_case);

/// Refuses a table of luge's own name, and tables that would be one in Snowflake, logs included. Names both and the way out.
Status check_snowflake_places(std::span<const TableName> tables, std::string_view schema, bool keep_case);

}  // namespace luge
