#include "destination/snowflake/ddl/table_ddl.h"

#include <algorithm>

#include "destination/snowflake/encode/log_columns.h"

namespace luge {

namespace {

constexpr const char* kMark = "luge: ";
constexpr const char* kPipeline = "pipeline ";
constexpr const char* kUuid = " uuid ";

std::string comment_sql(const std::string& mark) { return mark.empty() ? "" : " COMMENT = " + snowflake_literal(mark); }

std::string columns_sql(const TableLayout& layout) {
  std::string sql;
  for (const LayoutColumn& column : layout.columns) sql += (sql.empty() ? "" : ", ") + snowflake_identifier(column.name) + " " + column.type;
  return sql;
}

std::string log_columns_sql(const TableLayout& layout) {
  std::string sql;
  for (const LogColumn& column : kLogColumns) sql += (sql.empty() ? "" : ", ") + snowflake_identifier(column.name) + " " + column.type;
  const std::string own = columns_sql(layout);
  return own.empty() ? sql : sql + ", " + own;
}

std::string state_columns_sql(const TableLayout& layout) {
  std::string sql = columns_sql(layout);
  sql += (sql.empty() ? "" : ", ") + snowflake_identifier(kPositionColumn) + " VARCHAR(42)";
  if (layout.soft_delete) sql += ", " + snowflake_identifier(kDeletedColumn) + " BOOLEAN";
  return sql;
}

}  // namespace

std::string owner_mark(const TableOwner& owner) { return std::string(kMark) + kPipeline + owner.pipeline + kUuid + owner.uuid; }

bool is_luge_mark(std::string_view comment) { return comment.starts_with(kMark) && comment.find(kUuid) != std::string_view::npos; }

bool is_mark_of(std::string_view comment, const TableOwner& owner) {
  return comment.starts_with(kMark) && comment.ends_with(kPipeline + owner.pipeline + kUuid + owner.uuid);
}

std::string owner_of_mark(std::string_view comment) {
  const std::size_t end = comment.rfind(kUuid);
  const std::size_t begin = comment.rfind(kPipeline, end);
  if (end == std::string_view::npos || begin == std::string_view::npos) return "somebody else";
  const std::size_t name = begin + std::string_view(kPipeline).size();
  return "pipeline " + std::string(comment.substr(name, end - name));
}

std::string copy_mark(const TableOwner& owner, std::uint32_t oid, std::uint32_t epoch, std::uint32_t attempt) {
  return std::string(kMark) + "copy " + std::to_string(attempt) + " of " + std::to_string(oid) + ", epoch " + std::to_string(epoch) + ", " +
         kPipeline + owner.pipeline + kUuid + owner.uuid;
}

std::string show_tables_sql(const TableLayout& layout) {
  // What is no plain letter could mean something in a pattern.
  std::string pattern;
  for (const char c : layout.place.state) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain || !pattern.ends_with('%')) pattern += plain ? c : '%';
  }
  return "SHOW TABLES LIKE " + snowflake_literal(pattern + (pattern.ends_with('%') ? "" : "%")) + " IN SCHEMA " +
         snowflake_identifier(layout.place.schema);
}

std::string create_schema_sql(const TableLayout& layout) { return "CREATE SCHEMA IF NOT EXISTS " + snowflake_identifier(layout.place.schema); }

std::string create_log_sql(const TableLayout& layout, const std::string& mark) {
  return "CREATE TABLE IF NOT EXISTS " + layout.log() + " (" + log_columns_sql(layout) + ")" + comment_sql(mark);
}

std::string create_state_sql(const TableLayout& layout, const std::string& mark) {
  return "CREATE TABLE IF NOT EXISTS " + layout.state() + " (" + state_columns_sql(layout) + ")" + comment_sql(mark);
}

std::string log_errors_sql(const TableLayout& layout) { return "ALTER TABLE " + layout.log() + " SET ERROR_LOGGING = TRUE"; }

std::string create_copy_sql(const TableLayout& layout, std::uint32_t attempt, const std::string& mark, CopyShape shape) {
  return "CREATE OR REPLACE TABLE " + layout.copy(attempt) + " (" +
         (shape == CopyShape::state ? state_columns_sql(layout) : log_columns_sql(layout)) + ") COMMENT = " + snowflake_literal(mark);
}

std::string drop_copy_sql(const TableLayout& layout, std::uint32_t attempt) { return "DROP TABLE IF EXISTS " + layout.copy(attempt); }

std::vector<std::string> drop_tables_sql(const TableLayout& layout) {
  return {"DROP TABLE IF EXISTS " + layout.log(), "DROP TABLE IF EXISTS " + layout.state()};
}

std::string find_copy_sql(const TableLayout& layout, std::uint32_t attempt) {
  return "SELECT TABLE_NAME, COMMENT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = " + snowflake_literal(layout.place.schema) +
         " AND TABLE_NAME IN (" + snowflake_literal(layout.place.state) + ", " + snowflake_literal(snowflake_copy_name(layout.place, attempt)) + ")";
}

CopyPlacing place_copy_step(const TableLayout& layout, std::uint32_t attempt, const std::string& mark, const std::vector<FoundTable>& found) {
  const auto find = [&](const std::string& name) {
    const auto table = std::find_if(found.begin(), found.end(), [&](const FoundTable& other) { return other.name == name; });
    return table == found.end() ? nullptr : &*table;
  };
  const FoundTable* state = find(layout.place.state);
  const FoundTable* copy = find(snowflake_copy_name(layout.place, attempt));
  // The comments go along: once they are swapped, the old table stands under the copy's name.
  const bool there = state != nullptr && state->comment == mark;
  if (copy == nullptr) return {there ? CopyPlacing::Kind::placed : CopyPlacing::Kind::lost, {}};
  if (there) return {CopyPlacing::Kind::step, drop_copy_sql(layout, attempt)};
  if (copy->comment != mark) return {CopyPlacing::Kind::lost, {}};
  if (state == nullptr) return {CopyPlacing::Kind::step, "ALTER TABLE " + layout.copy(attempt) + " RENAME TO " + layout.state()};
  return {CopyPlacing::Kind::step, "ALTER TABLE " + layout.state() + " SWAP WITH " + layout.copy(attempt)};
}

}  // namespace luge
