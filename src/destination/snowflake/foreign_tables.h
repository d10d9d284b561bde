#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"
#include "model/table_schema.h"

namespace luge {

/// Whose the tables are that stand where this pipeline's would: what the destination refuses, and what `plan` and `doctor` foretell.

using TableComments = std::map<std::string, std::string>;  ///< by table name
/// Of the answer to a SHOW.
TableComments comments_of(const SqlResult& shown);

/// "foreign" (Recovery::quarantine_table): the table is `owner`'s, as owner_of_mark() calls it, and stays as it is.
Error foreign_table(const std::string& table, const std::string& owner);
/// "foreign": a log stands there, and it is not `owner`'s.
Status check_log_owner(const TableLayout& layout, const TableComments& found, const TableOwner& owner);
/// Of a state table that stands there. "foreign"; "foreign_table": it has not luge's column (`by_luge`).
Status check_state_owner(const TableLayout& layout, const TableComments& found, const TableOwner& owner, bool by_luge);

struct ForeignTable {
  TableName table;  ///< of the source
  Error why;
};
/// Of these tables those that would be refused. Reads only, without a warehouse: one SHOW for each schema, and a DESCRIBE where something stands.
/// `with_state`: current state is kept in tables. `longest`: of each statement.
Result<std::vector<ForeignTable>> find_foreign_tables(SqlClient& sql, const SnowflakeOptions& options, const TableOwner& owner, bool with_state,
                                                      const std::vector<TableName>& tables, Duration longest);

}  // namespace luge
