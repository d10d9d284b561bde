#include "destination/snowflake/current_state/merge_sql.h"

#include "destination/snowflake/current_state/keyed_fold_sql.h"
#include "destination/snowflake/current_state/keyless_sql.h"
#include "destination/snowflake/encode/offset_token.h"

namespace luge {

namespace {

std::string range_sql(const MergeWindow& window) {
  return "\"_LUGE_POSITION\" > " + position_literal(window.from.position) + " AND \"_LUGE_POSITION\" <= " + position_literal(window.through);
}

std::string handed_over(const MergeWindow& window) {
  return window.handover && window.from.position < window.handover->limit ? not_copied_sql(window.handover) : "";
}

std::optional<CopyHandover> handover_of(const MergeWindow& window) { return handed_over(window).empty() ? std::nullopt : window.handover; }

std::string truncate_state_sql(const TableLayout& layout, const std::string& condition, const MergeWindow& window) {
  const std::string last = "COALESCE((" + last_truncate_sql(layout, condition, handover_of(window)) + "), '')";
  if (!layout.soft_delete) return "DELETE FROM " + layout.state() + " WHERE \"_LUGE_POSITION\" < " + last;
  return "UPDATE " + layout.state() + " SET \"_LUGE_DELETED\" = TRUE WHERE \"_LUGE_POSITION\" < " + last;
}

std::string merge_part_sql(const TableLayout& layout, const std::string& condition, const MergeWindow& window) {
  const std::string rows = kept_rows_sql(layout, condition, handover_of(window), window.truncates);
  std::string same_key;
  std::string set;
  std::string values;
  for (const LayoutColumn& column : layout.columns) {
    const std::string name = snowflake_identifier(column.name);
    values += "s." + name + ", ";
    if (column.key) {
      same_key += (same_key.empty() ? "" : " AND ") + ("t." + name) + " = s." + name;
    } else {
      set += name + " = IFF(s.\"_LUGE_FRESH\" OR s." + has_column(column) + ", s." + name + ", t." + name + "), ";
    }
  }
  const std::string newer = "s.\"_LUGE_LAST_POSITION\" > t.\"_LUGE_POSITION\"";
  const std::string at = "\"_LUGE_POSITION\" = s.\"_LUGE_LAST_POSITION\"";
  std::string sql = "MERGE INTO " + layout.state() + " t USING (" + keyed_fold_sql(layout, rows, window.moved_keys) + ") s ON " + same_key;
  sql += " WHEN MATCHED AND " + newer + " AND NOT s.\"_LUGE_ALIVE\" THEN ";
  sql += layout.soft_delete ? "UPDATE SET \"_LUGE_DELETED\" = TRUE, " + at : "DELETE";
  sql += " WHEN MATCHED AND " + newer + " THEN UPDATE SET " + set + (layout.soft_delete ? "\"_LUGE_DELETED\" = FALSE, " : "") + at;
  sql += " WHEN NOT MATCHED AND s.\"_LUGE_ALIVE\" THEN INSERT (" + column_list(layout, "") + (layout.soft_delete ? ", \"_LUGE_DELETED\"" : "") +
         ", \"_LUGE_POSITION\") VALUES (" + values + (layout.soft_delete ? "FALSE, " : "") + "s.\"_LUGE_LAST_POSITION\")";
  return sql;
}

bool is_positive(const std::optional<std::string>& count) { return count && !count->empty() && *count != "0"; }

Error unreadable() { return fatal("protocol", "Snowflake answered a question about a table's log with something that luge cannot read"); }

}  // namespace

std::string look_sql(const TableLayout& layout, const MergeWindow& window) {
  const std::string kept = handed_over(window);
  return "SELECT COUNT_IF(\"_LUGE_OP\" = 't'), COUNT_IF(\"_LUGE_OLD_KEY\" IS NOT NULL AND \"_LUGE_PRESENT\" IS NOT NULL) FROM " + layout.log() +
         " WHERE " + range_sql(window) + (kept.empty() ? "" : " AND " + kept);
}

Result<WindowLook> read_look(const SqlResult& result) {
  if (result.rows.size() != 1 || result.rows[0].size() != 2) return unreadable();
  return WindowLook{is_positive(result.rows[0][0]), is_positive(result.rows[0][1])};
}

std::string find_parts_sql(const TableLayout& layout, const MergeWindow& window) {
  std::string keys;
  std::string old_keys;
  std::string same_key;
  for (const LayoutColumn& column : layout.columns) {
    if (!column.key) continue;
    const std::string name = snowflake_identifier(column.name);
    keys += name + ", ";
    old_keys += old_value_sql(column, "") + " AS " + name + ", ";
    same_key += "e." + name + " = c." + name + " AND ";
  }
  return "WITH \"_LUGE_ROWS\" AS (" + kept_rows_sql(layout, range_sql(window), handover_of(window), window.truncates) +
         "), \"_LUGE_EVENTS\" AS (SELECT " + keys + "\"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" UNION ALL SELECT " + old_keys +
         "\"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" WHERE \"_LUGE_OLD_KEY\" IS NOT NULL), \"_LUGE_CHANGES\" AS (SELECT " + old_keys +
         "\"_LUGE_POSITION\" FROM \"_LUGE_ROWS\" WHERE \"_LUGE_OLD_KEY\" IS NOT NULL AND \"_LUGE_PRESENT\" IS NOT NULL) "
         "SELECT c.\"_LUGE_POSITION\", MAX(e.\"_LUGE_POSITION\") FROM \"_LUGE_CHANGES\" c JOIN \"_LUGE_EVENTS\" e ON " +
         same_key + "e.\"_LUGE_POSITION\" < c.\"_LUGE_POSITION\" GROUP BY c.\"_LUGE_POSITION\" ORDER BY c.\"_LUGE_POSITION\"";
}

Result<std::vector<Position>> read_parts(const SqlResult& result) {
  std::vector<Position> parts;
  for (const auto& row : result.rows) {
    const auto change = row.size() == 2 && row[0] ? parse_offset_token(*row[0]) : std::nullopt;
    const auto needed = row.size() == 2 && row[1] ? parse_offset_token(*row[1]) : std::nullopt;
    if (!change || !needed) return unreadable();
    if (parts.empty() || *needed >= parts.back()) parts.push_back(*change);  // else what it needs is in an earlier part already
  }
  return parts;
}

SqlStatement merge_sql(const TableLayout& layout, const WatermarkTable& watermarks, RelationOid oid, const MergeWindow& window) {
  SqlStatement statement;
  statement.text = "BEGIN";
  const auto add = [&](const std::string& sql) {
    statement.text += ";\n" + sql;
    ++statement.count;
  };
  add(watermarks.claim_sql(oid, window.from, window.through, window.signature));
  const std::string claimed = watermarks.claimed_sql(oid, window.signature);
  for (std::size_t part = 0; part <= window.parts.size(); ++part) {
    const std::string begin = part == 0 ? "> " + position_literal(window.from.position) : ">= " + position_literal(window.parts[part - 1]);
    const std::string end = part == window.parts.size() ? "<= " + position_literal(window.through) : "< " + position_literal(window.parts[part]);
    const std::string condition = "\"_LUGE_POSITION\" " + begin + " AND \"_LUGE_POSITION\" " + end + " AND " + claimed;
    if (window.truncates) add(truncate_state_sql(layout, condition, window));
    if (layout.keyless()) {
      const std::string rows = kept_rows_sql(layout, condition, handover_of(window), window.truncates);
      add(insert_keyless_sql(layout, rows));
      add(delete_keyless_sql(layout, rows));
    } else {
      add(merge_part_sql(layout, condition, window));
    }
  }
  if (window.common) add(watermarks.publish_sql(oid, window.signature, *window.common));
  add(watermarks.seal_sql(oid, window.signature));
  add("COMMIT");
  return statement;
}

std::string retention_sql(const TableLayout& layout, const Position& through, std::int64_t age_seconds) {
  return "DELETE FROM " + layout.log() + " WHERE \"_LUGE_POSITION\" <= " + position_literal(through) +
         " AND \"_LUGE_COMMIT_TIME\" < DATEADD(second, -" + std::to_string(age_seconds) + ", CURRENT_TIMESTAMP())";
}

}  // namespace luge
