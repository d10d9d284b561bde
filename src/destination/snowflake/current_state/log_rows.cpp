#include "destination/snowflake/current_state/log_rows.h"

#include "destination/snowflake/encode/offset_token.h"

namespace luge {

std::string position_literal(const Position& position) { return snowflake_literal(offset_token(position)); }

std::string not_copied_sql(const std::optional<CopyHandover>& handover) {
  if (!handover) return "";
  const Snapshot& snapshot = handover->snapshot;
  std::string sql =
      "(\"_LUGE_POSITION\" > " + position_literal(handover->limit) + " OR \"_LUGE_XID\" IS NULL OR \"_LUGE_XID\" >= " + std::to_string(snapshot.xmax);
  if (!snapshot.in_progress.empty()) {
    sql += " OR \"_LUGE_XID\" IN (";
    for (std::size_t i = 0; i < snapshot.in_progress.size(); ++i) sql += (i == 0 ? "" : ", ") + std::to_string(snapshot.in_progress[i]);
    sql += ")";
  }
  return sql + ")";
}

std::string carried_sql(const LayoutColumn& column, const std::string& alias) {
  // A row that spells its columns out is believed; one that does not carries those of its time.
  const std::string unspelt = column.born ? "IFF(" + alias + "\"_LUGE_POSITION\" >= " + position_literal(*column.born) + ", '1', '0')" : "'1'";
  return "IFNULL(SUBSTR(" + alias + "\"_LUGE_PRESENT\", " + std::to_string(column.attnum) + ", 1), " + unspelt + ") = '1'";
}

std::string value_sql(const LayoutColumn& column, const std::string& alias) {
  const std::string value = alias + snowflake_identifier(column.name);
  if (!column.born) return value;
  return "IFF(" + carried_sql(column, alias) + ", " + value + ", " + column.missing.value_or("NULL") + ")";
}

std::string old_value_sql(const LayoutColumn& column, const std::string& alias) {
  const auto under = [&](const std::string& name) {
    const std::string field = "GET(" + alias + "\"_LUGE_OLD_KEY\", " + snowflake_literal(name) + ")";
    if (column.type == "VARIANT") return field;
    if (column.type == "BINARY") return "TO_BINARY(" + field + "::VARCHAR, 'BASE64')";
    return field + "::" + column.type;
  };
  std::string sql = under(column.name);
  for (auto former = column.former_names.rbegin(); former != column.former_names.rend(); ++former) {
    sql = "IFF(" + alias + "\"_LUGE_POSITION\" < " + position_literal(former->until) + ", " + under(former->name) + ", " + sql + ")";
  }
  return column.born ? "IFF(" + carried_sql(column, alias) + ", " + sql + ", " + column.missing.value_or("NULL") + ")" : sql;
}

std::string comparable_sql(const LayoutColumn& column, const std::string& value) {
  return column.type == "VARIANT" || column.type == "ARRAY" ? "TO_JSON(" + value + ")" : value;
}

std::string column_list(const TableLayout& layout, const std::string& alias, bool keys_only) {
  std::string sql;
  for (const LayoutColumn& column : layout.columns) {
    if (keys_only && !column.key) continue;
    sql += (sql.empty() ? "" : ", ") + alias + snowflake_identifier(column.name);
  }
  return sql;
}

std::string last_truncate_sql(const TableLayout& layout, const std::string& condition, const std::optional<CopyHandover>& handover) {
  const std::string kept = not_copied_sql(handover);
  return "SELECT MAX(\"_LUGE_POSITION\") FROM " + layout.log() + " WHERE " + condition + (kept.empty() ? "" : " AND " + kept) +
         " AND \"_LUGE_OP\" = 't'";
}

std::string kept_rows_sql(const TableLayout& layout, const std::string& condition, const std::optional<CopyHandover>& handover, bool truncates) {
  const std::string kept = not_copied_sql(handover);
  std::string columns = column_list(layout, "");
  if (!columns.empty()) columns += ", ";
  std::string sql = "SELECT " + columns + "\"_LUGE_OP\", \"_LUGE_PRESENT\", \"_LUGE_OLD_KEY\", \"_LUGE_POSITION\" FROM " + layout.log() + " WHERE " +
                    condition + (kept.empty() ? "" : " AND " + kept) + " AND \"_LUGE_OP\" <> 't'";
  if (truncates) sql += " AND \"_LUGE_POSITION\" > COALESCE((" + last_truncate_sql(layout, condition, handover) + "), '')";
  return sql;
}

}  // namespace luge
