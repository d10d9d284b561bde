#include "destination/snowflake/current_state/state_view.h"

#include <algorithm>
#include <string_view>

#include "destination/snowflake/current_state/keyed_fold_sql.h"
#include "destination/snowflake/current_state/keyless_sql.h"
#include "destination/snowflake/encode/log_columns.h"

namespace luge {

namespace {

/// A key's events from an insertion (or a key change to it) on are one segment, called after the position it began at. A segment that began
/// with a key change goes on with the values of the segment that the old key had then, and of that one's forerunners.
std::string followed_fold_sql(const TableLayout& layout, const std::string& rows) {
  std::string columns;
  std::string old_columns;
  std::string folded;
  for (const LayoutColumn& column : layout.columns) {
    const std::string name = snowflake_identifier(column.name);
    columns += name + ", ";
    old_columns += (column.key ? old_value_sql(column, "") : std::string("NULL")) + ", ";
    const std::string carried = "e.\"_LUGE_KIND\" <> 'd' AND " + carried_sql(column, "e.");
    std::string last = "MAX_BY(e." + name + ", IFF(" + carried + ", e.\"_LUGE_POSITION\", NULL))";
    if (column.missing) last = "IFF(BOOLOR_AGG(" + carried + "), " + last + ", " + *column.missing + ")";
    folded += last + " AS " + name + ", ";
  }
  const std::string keys = column_list(layout, "", true);
  return "WITH RECURSIVE \"_LUGE_ROWS\" AS (" + rows + "), \"_LUGE_EVENTS\" AS (SELECT " + columns +
         "IFF(\"_LUGE_OLD_KEY\" IS NULL, \"_LUGE_OP\", 'i') AS \"_LUGE_KIND\", FALSE AS \"_LUGE_MOVED\", \"_LUGE_PRESENT\", \"_LUGE_POSITION\" FROM "
         "\"_LUGE_ROWS\" UNION ALL SELECT " +
         old_columns +
         "'d', \"_LUGE_PRESENT\" IS NOT NULL, NULL, \"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" WHERE \"_LUGE_OLD_KEY\" IS NOT NULL), "
         "\"_LUGE_SEGMENTS\" AS (SELECT *, MAX(IFF(\"_LUGE_KIND\" = 'i', \"_LUGE_POSITION\", NULL)) OVER (PARTITION BY " +
         keys +
         " ORDER BY \"_LUGE_POSITION\" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS \"_LUGE_BEGAN\" FROM \"_LUGE_EVENTS\"), "
         "\"_LUGE_LINKS\" AS (SELECT \"_LUGE_POSITION\" AS \"_LUGE_HEIR\", \"_LUGE_BEGAN\" AS \"_LUGE_FORERUNNER\" FROM \"_LUGE_SEGMENTS\" "
         "WHERE \"_LUGE_MOVED\" AND \"_LUGE_BEGAN\" IS NOT NULL), "
         "\"_LUGE_CHAINS\" AS (SELECT \"_LUGE_HEIR\", \"_LUGE_FORERUNNER\" FROM \"_LUGE_LINKS\" UNION ALL "
         "SELECT c.\"_LUGE_HEIR\", l.\"_LUGE_FORERUNNER\" FROM \"_LUGE_CHAINS\" c JOIN \"_LUGE_LINKS\" l ON l.\"_LUGE_HEIR\" = "
         "c.\"_LUGE_FORERUNNER\"), "
         "\"_LUGE_LIVING\" AS (SELECT \"_LUGE_BEGAN\" FROM \"_LUGE_SEGMENTS\" WHERE \"_LUGE_BEGAN\" IS NOT NULL GROUP BY \"_LUGE_BEGAN\" "
         "HAVING NOT BOOLOR_AGG(\"_LUGE_KIND\" = 'd')), "
         "\"_LUGE_MEMBERS\" AS (SELECT \"_LUGE_BEGAN\" AS \"_LUGE_HEIR\", \"_LUGE_BEGAN\" AS \"_LUGE_FORERUNNER\" FROM \"_LUGE_LIVING\" UNION ALL "
         "SELECT c.\"_LUGE_HEIR\", c.\"_LUGE_FORERUNNER\" FROM \"_LUGE_CHAINS\" c JOIN \"_LUGE_LIVING\" v ON v.\"_LUGE_BEGAN\" = c.\"_LUGE_HEIR\") "
         "SELECT " +
         folded +
         "MAX(e.\"_LUGE_POSITION\") AS \"_LUGE_POSITION\" FROM \"_LUGE_MEMBERS\" m JOIN \"_LUGE_SEGMENTS\" e ON e.\"_LUGE_BEGAN\" = "
         "m.\"_LUGE_FORERUNNER\" "
         "GROUP BY m.\"_LUGE_HEIR\"";
}

}  // namespace

std::string state_view_sql(const TableLayout& layout, const StateViewOptions& options) {
  std::string counted;
  if (options.floor) counted = "\"_LUGE_POSITION\" > " + position_literal(*options.floor);
  if (!options.bound.empty()) counted += (counted.empty() ? "" : " AND ") + ("\"_LUGE_POSITION\" < " + options.bound);
  const std::string condition = counted.empty() ? "TRUE" : "(\"_LUGE_XID\" IS NULL OR (" + counted + "))";
  const std::string rows = kept_rows_sql(layout, condition, options.handover, true);
  std::string columns = column_list(layout, "");
  if (!columns.empty()) columns += ", ";
  std::string query;
  if (layout.keyless()) {
    query = keyless_fold_sql(layout, rows);
  } else if (options.moved_keys) {
    query = followed_fold_sql(layout, rows);
  } else {
    query = "SELECT " + columns + "\"_LUGE_LAST_POSITION\" AS \"_LUGE_POSITION\" FROM (" + keyed_fold_sql(layout, rows, false) +
            ") WHERE \"_LUGE_ALIVE\"";
  }
  if (layout.soft_delete) query = "SELECT " + columns + "\"_LUGE_POSITION\", FALSE AS \"_LUGE_DELETED\" FROM (" + query + ")";
  return "CREATE OR REPLACE VIEW " + layout.state() + " COPY GRANTS AS " + query;
}

LogCopyPlan copy_into_log_sql(const TableLayout& layout, std::uint32_t attempt, const std::optional<Position>& floor) {
  std::string columns;
  std::string values;
  // Copied rows stand before everything else, also before columns were born that they carry: they say so themselves.
  std::string present;
  for (const LayoutColumn& column : layout.columns) {
    present.resize(std::max(present.size(), static_cast<std::size_t>(column.attnum)), '0');
    present[static_cast<std::size_t>(column.attnum) - 1] = '1';
  }
  for (const LogColumn& column : kLogColumns) {
    const std::string name = snowflake_identifier(column.name);
    columns += (columns.empty() ? "" : ", ") + name;
    values += (values.empty() ? "" : ", ") + (column.name == std::string_view("_LUGE_PRESENT") ? snowflake_literal(present) : name);
  }
  for (const LayoutColumn& column : layout.columns) {
    columns += ", " + snowflake_identifier(column.name);
    values += ", " + snowflake_identifier(column.name);
  }
  SqlStatement statement;
  statement.text = "BEGIN;\nDELETE FROM " + layout.log() + " WHERE \"_LUGE_XID\" IS NULL" +
                   (floor ? " OR \"_LUGE_POSITION\" <= " + position_literal(*floor) : std::string()) + ";\nINSERT INTO " + layout.log() + " (" +
                   columns + ") SELECT " + values + " FROM " + layout.copy(attempt) + ";\nCOMMIT";
  statement.count = 4;
  return statement;
}

}  // namespace luge
