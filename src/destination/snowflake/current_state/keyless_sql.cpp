#include "destination/snowflake/current_state/keyless_sql.h"

#include "destination/snowflake/current_state/log_rows.h"

namespace luge {

namespace {

std::string compared(std::size_t number) { return "\"_LUGE_C" + std::to_string(number) + "\""; }

/// A value a row and how often it was deleted: _LUGE_C0…, _LUGE_COUNT, and _LUGE_GROUP, which no two values share.
std::string deleted_sql(const TableLayout& layout, const std::string& rows) {
  std::string values;
  std::string old_values;
  std::string group;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const LayoutColumn& column = layout.columns[i];
    values += comparable_sql(column, value_sql(column, "r.")) + " AS " + compared(i) + ", ";
    old_values += comparable_sql(column, old_value_sql(column, "r.")) + " AS " + compared(i) + ", ";
    group += (group.empty() ? " GROUP BY " : ", ") + compared(i);
  }
  std::string listed;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) listed += compared(i) + ", ";
  return "SELECT " + listed + "COUNT(*) AS \"_LUGE_COUNT\", MIN(\"_LUGE_POSITION\") AS \"_LUGE_GROUP\" FROM (SELECT " + values +
         "r.\"_LUGE_POSITION\" FROM (" + rows + ") r WHERE r.\"_LUGE_OP\" = 'd' UNION ALL SELECT " + old_values + "r.\"_LUGE_POSITION\" FROM (" +
         rows + ") r WHERE r.\"_LUGE_OP\" = 'u' AND r.\"_LUGE_OLD_KEY\" IS NOT NULL)" + group;
}

std::string same_values(const TableLayout& layout, const std::string& row, const std::string& deleted) {
  std::string sql = "TRUE";
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const LayoutColumn& column = layout.columns[i];
    sql += " AND " + comparable_sql(column, row + snowflake_identifier(column.name)) + " IS NOT DISTINCT FROM " + deleted + compared(i);
  }
  return sql;
}

std::string inserted_values(const TableLayout& layout) {
  std::string sql;
  for (const LayoutColumn& column : layout.columns) sql += value_sql(column, "r.") + " AS " + snowflake_identifier(column.name) + ", ";
  return sql;
}

}  // namespace

std::string insert_keyless_sql(const TableLayout& layout, const std::string& rows) {
  const std::string columns = column_list(layout, "");
  return "INSERT INTO " + layout.state() + " (" + columns + (columns.empty() ? "" : ", ") + "\"_LUGE_POSITION\"" +
         (layout.soft_delete ? ", \"_LUGE_DELETED\"" : "") + ") SELECT " + inserted_values(layout) + "r.\"_LUGE_POSITION\"" +
         (layout.soft_delete ? ", FALSE" : "") + " FROM (" + rows + ") r WHERE r.\"_LUGE_OP\" IN ('i', 'u')";
}

std::string delete_keyless_sql(const TableLayout& layout, const std::string& rows) {
  const std::string gone = "(SELECT s.\"_LUGE_POSITION\" FROM " + layout.state() + " s JOIN (" + deleted_sql(layout, rows) + ") d ON " +
                           same_values(layout, "s.", "d.") + (layout.soft_delete ? " WHERE NOT COALESCE(s.\"_LUGE_DELETED\", FALSE)" : "") +
                           " QUALIFY ROW_NUMBER() OVER (PARTITION BY d.\"_LUGE_GROUP\" ORDER BY s.\"_LUGE_POSITION\") <= d.\"_LUGE_COUNT\")";
  if (layout.soft_delete) return "UPDATE " + layout.state() + " SET \"_LUGE_DELETED\" = TRUE WHERE \"_LUGE_POSITION\" IN " + gone;
  return "DELETE FROM " + layout.state() + " WHERE \"_LUGE_POSITION\" IN " + gone;
}

std::string keyless_fold_sql(const TableLayout& layout, const std::string& rows) {
  std::string partition;
  for (const LayoutColumn& column : layout.columns) {
    partition += (partition.empty() ? "PARTITION BY " : ", ") + comparable_sql(column, "i." + snowflake_identifier(column.name));
  }
  std::string columns = column_list(layout, "i.");
  if (!columns.empty()) columns += ", ";
  return "SELECT " + columns + "i.\"_LUGE_POSITION\" FROM (SELECT " + inserted_values(layout) + "r.\"_LUGE_POSITION\" FROM (" + rows +
         ") r WHERE r.\"_LUGE_OP\" IN ('i', 'u')) i LEFT JOIN (" + deleted_sql(layout, rows) + ") d ON " + same_values(layout, "i.", "d.") +
         " QUALIFY ROW_NUMBER() OVER (" + partition + " ORDER BY i.\"_LUGE_POSITION\") > COALESCE(d.\"_LUGE_COUNT\", 0)";
}

}  // namespace luge
