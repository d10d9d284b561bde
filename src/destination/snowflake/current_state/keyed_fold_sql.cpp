#include "destination/snowflake/current_state/keyed_fold_sql.h"

#include "destination/snowflake/current_state/log_rows.h"

namespace luge {

namespace {

/// One row an event: the layout's columns, _LUGE_KIND (i, u, d; k: a key change with all its values), _LUGE_PRESENT, _LUGE_POSITION.
std::string events_sql(const TableLayout& layout, bool complete) {
  std::string values;
  std::string old_values;
  std::string base;
  for (const LayoutColumn& column : layout.columns) {
    const std::string name = snowflake_identifier(column.name);
    const std::string value = "r." + name;
    if (complete && !column.key) {
      std::string completed = "IFF(r.\"_LUGE_OLD_KEY\" IS NULL OR (" + carried_sql(column, "r.") + "), " + value + ", o." + name + ")";
      if (column.born) {  // before its birth a column is what it is in all older rows, whether the old key's is in the state table or not
        completed = "IFF(r.\"_LUGE_PRESENT\" IS NULL AND r.\"_LUGE_POSITION\" < " + position_literal(*column.born) + ", " +
                    column.missing.value_or("NULL") + ", " + completed + ")";
      }
      values += completed + " AS " + name + ", ";
    } else {
      values += value + ", ";
    }
    old_values += column.key ? old_value_sql(column, "r.") + ", " : "NULL, ";
    if (column.key) base += (base.empty() ? "" : " AND ") + ("o." + name) + " = " + old_value_sql(column, "r.");
  }
  std::string sql = "SELECT " + values + "IFF(r.\"_LUGE_OLD_KEY\" IS NULL, r.\"_LUGE_OP\", " + (complete ? "'k'" : "'i'") +
                    ") AS \"_LUGE_KIND\", r.\"_LUGE_PRESENT\", r.\"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" r";
  if (complete) sql += " LEFT JOIN " + layout.state() + " o ON r.\"_LUGE_OLD_KEY\" IS NOT NULL AND " + base;
  return sql + " UNION ALL SELECT " + old_values + "'d', NULL, r.\"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" r WHERE r.\"_LUGE_OLD_KEY\" IS NOT NULL";
}

}  // namespace

std::string has_column(const LayoutColumn& column) { return "\"_LUGE_HAS_" + std::to_string(column.attnum) + "\""; }

std::string keyed_fold_sql(const TableLayout& layout, const std::string& rows, bool complete_from_state) {
  const std::string keys = column_list(layout, "", true);
  std::string folded;
  for (const LayoutColumn& column : layout.columns) {
    const std::string name = snowflake_identifier(column.name);
    if (column.key) {
      folded += name + ", ";
      continue;
    }
    std::string carried = "\"_LUGE_KIND\" <> 'd' AND " + carried_sql(column, "");
    if (complete_from_state) carried = "\"_LUGE_KIND\" = 'k' OR (" + carried + ")";
    const std::string has = "BOOLOR_AGG(" + carried + ")";
    std::string last = "MAX_BY(" + name + ", IFF(" + carried + ", \"_LUGE_POSITION\", NULL))";
    if (column.missing) last = "IFF(" + has + ", " + last + ", " + *column.missing + ")";
    folded += last + " AS " + name + ", " + has + " AS " + has_column(column) + ", ";
  }
  return "WITH \"_LUGE_ROWS\" AS (" + rows + "), \"_LUGE_EVENTS\" AS (" + events_sql(layout, complete_from_state) +
         "), \"_LUGE_LAST\" AS (SELECT * FROM \"_LUGE_EVENTS\" QUALIFY \"_LUGE_POSITION\" >= "
         "COALESCE(MAX(IFF(\"_LUGE_KIND\" = 'd', \"_LUGE_POSITION\", NULL)) OVER (PARTITION BY " +
         keys + "), '')) SELECT " + folded +
         "BOOLOR_AGG(\"_LUGE_KIND\" <> 'd') AS \"_LUGE_ALIVE\", BOOLOR_AGG(\"_LUGE_KIND\" <> 'u') AS \"_LUGE_FRESH\", "
         "MAX(\"_LUGE_POSITION\") AS \"_LUGE_LAST_POSITION\" FROM \"_LUGE_LAST\" GROUP BY " +
         keys;
}

}  // namespace luge
