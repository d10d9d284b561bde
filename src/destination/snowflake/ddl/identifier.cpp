#include "destination/snowflake/ddl/identifier.h"

#include <map>

namespace luge {

namespace {

constexpr std::string_view kOwnPrefix = "_LUGE_";

std::string upper(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

Error refused(std::string what, std::string hint) { return make_error(Recovery::quarantine_table, "name", std::move(what), std::move(hint)); }

}  // namespace

std::string snowflake_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string snowflake_literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + '\'';
}

std::string snowflake_name(std::string_view name, bool keep_case) { return keep_case ? std::string(name) : upper(name); }

TablePlace snowflake_place(const TableName& name, std::string_view schema, bool keep_case) {
  TablePlace place;
  place.schema = schema.empty() ? snowflake_name(name.schema, keep_case) : std::string(schema);
  place.state = snowflake_name(name.table, keep_case);
  place.log = place.state + (keep_case ? "__log" : "__LOG");
  return place;
}

std::string snowflake_copy_name(const TablePlace& place, std::uint32_t attempt) { return place.state + "__COPY_" + std::to_string(attempt); }

Result<std::vector<std::string>> snowflake_column_names(const TableSchema& schema, bool keep_case) {
  std::vector<std::string> names;
  std::map<std::string, const std::string*> folded;
  for (const ColumnSchema& column : schema.columns) {
    const std::string key = upper(column.name);
    if (key.starts_with(kOwnPrefix)) {
      return refused("column " + column.name + " of " + to_string(schema.name) + " begins with _LUGE_, which is luge's own in Snowflake",
                     "rename the column, or publish the table with a column list without it (ALTER PUBLICATION … SET TABLE)");
    }
    if (const auto [other, added] = folded.emplace(key, &column.name); !added) {
      return refused("columns " + *other->second + " and " + column.name + " of " + to_string(schema.name) +
                         " are one column in Snowflake: its streams match names without regard to case",
                     "rename one of them, or publish the table with a column list without it (ALTER PUBLICATION … SET TABLE)");
    }
    names.push_back(snowflake_name(column.name, keep_case));
  }
  return names;
}

Status check_snowflake_places(std::span<const TableName> tables, std::string_view schema, bool keep_case) {
  std::map<std::pair<std::string, std::string>, const TableName*> taken;
  for (const TableName& table : tables) {
    const TablePlace place = snowflake_place(table, schema, keep_case);
    if (upper(place.state).starts_with(kOwnPrefix)) {
      return refused("table " + to_string(table) + " begins with _LUGE_, which is luge's own in Snowflake",
                     "rename the table, or leave it out with --tables");
    }
    for (const std::string& name : {place.state, place.log}) {
      const auto [other, added] = taken.emplace(std::pair(place.schema, name), &table);
      if (added) continue;
      return refused("tables " + to_string(*other->second) + " and " + to_string(table) + " have the same name in Snowflake, " +
                         snowflake_identifier(place.schema) + "." + snowflake_identifier(name),
                     "leave one out with --tables, rename it, or use identifiers: keep or a pipeline of its own with another schema");
    }
  }
  return ok();
}

}  // namespace luge
