#include "destination/snowflake/foreign_tables.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "destination/snowflake/ddl/layout_change.h"

namespace luge {

namespace {

Result<TableComments> comments_in(SqlClient& sql, const std::string& schema, Duration longest) {
  SqlStatement statement;
  statement.text = "SHOW OBJECTS IN SCHEMA " + snowflake_identifier(schema);
  statement.timeout = longest;
  auto shown = sql.run(statement);
  if (!shown && no_such_object(shown.error())) return TableComments();
  if (!shown) return std::move(shown).error();
  return comments_of(*shown);
}

/// nullopt: it is gone.
Result<std::optional<bool>> has_position(SqlClient& sql, const std::string& table, Duration longest) {
  SqlStatement statement;
  statement.text = describe_sql(table);
  statement.timeout = longest;
  auto columns = sql.run(statement);
  if (!columns && no_such_object(columns.error())) return std::optional<bool>();
  if (!columns) return std::move(columns).error();
  return std::optional(
      std::any_of(columns->rows.begin(), columns->rows.end(), [](const auto& row) { return !row.empty() && row[0] == kPositionColumn; }));
}

}  // namespace

TableComments comments_of(const SqlResult& shown) {
  TableComments found;
  for (std::size_t row = 0; row < shown.rows.size(); ++row) {
    if (const auto name = shown.cell(row, "name")) found[*name] = shown.cell(row, "comment").value_or("");
  }
  return found;
}

Error foreign_table(const std::string& table, const std::string& owner) {
  return make_error(Recovery::quarantine_table, "foreign",
                    table + " in Snowflake belongs to " + owner + ": two pipelines in one table would mix; nothing of it was touched",
                    "give this pipeline a schema or a database of its own (schema: in the section snowflake), or drop that table if nobody needs it "
                    "any more; then resync the table");
}

Status check_log_owner(const TableLayout& layout, const TableComments& found, const TableOwner& owner) {
  const auto mark = found.find(layout.place.log);
  if (mark == found.end() || is_mark_of(mark->second, owner)) return ok();
  if (is_luge_mark(mark->second)) return foreign_table(layout.log(), owner_of_mark(mark->second));
  return make_error(Recovery::quarantine_table, "foreign",
                    layout.log() + " stands in Snowflake already, and its comment does not say that it is this pipeline's",
                    "rename or drop that table, or give luge a schema of its own; if it is this pipeline's: ALTER TABLE " + layout.log() +
                        " SET COMMENT = " + snowflake_literal(owner_mark(owner)) + "; then resync the table");
}

Status check_state_owner(const TableLayout& layout, const TableComments& found, const TableOwner& owner, bool by_luge) {
  if (!by_luge) {
    return make_error(Recovery::quarantine_table, "foreign_table",
                      "Snowflake has a table " + layout.state() + " already, and luge did not make it: it would be replaced",
                      "rename or drop that table, or give luge a schema or a database of its own; then resync the table");
  }
  // A comment that somebody wrote over luge's says nothing; the log beside the table does.
  const auto mark = found.find(layout.place.state);
  if (mark == found.end() || !is_luge_mark(mark->second) || is_mark_of(mark->second, owner)) return ok();
  return foreign_table(layout.state(), owner_of_mark(mark->second));
}

Result<std::vector<ForeignTable>> find_foreign_tables(SqlClient& sql, const SnowflakeOptions& options, const TableOwner& owner, bool with_state,
                                                      const std::vector<TableName>& tables, Duration longest) {
  std::map<std::string, TableComments> schemas;
  std::vector<ForeignTable> foreign;
  for (const TableName& table : tables) {
    TableLayout layout;
    layout.place = snowflake_place(table, options.schema, options.keep_case);
    auto schema = schemas.find(layout.place.schema);
    if (schema == schemas.end()) {
      TRY(TableComments found, comments_in(sql, layout.place.schema, longest));
      schema = schemas.emplace(layout.place.schema, std::move(found)).first;
    }
    const TableComments& found = schema->second;
    Status ours = check_log_owner(layout, found, owner);
    if (ours && with_state && found.contains(layout.place.state)) {
      TRY(const auto by_luge, has_position(sql, layout.state(), longest));
      if (by_luge) ours = check_state_owner(layout, found, owner, *by_luge);
    }
    if (!ours) foreign.push_back({table, std::move(ours).error()});
  }
  return foreign;
}

}  // namespace luge
