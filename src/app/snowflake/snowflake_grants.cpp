#include "app/snowflake/snowflake_grants.h"

#include <algorithm>
#include <deque>
#include <set>

#include "app/name_pattern.h"
#include "app/snowflake/snowflake_keys.h"
#include "destination/snowflake/ddl/identifier.h"

namespace luge {

namespace {

constexpr std::size_t kMostRoles = 50;

std::string qualified(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ".") + snowflake_identifier(part);
  return out;
}

/// A name as SHOW GRANTS prints it: DB."my schema".
std::vector<std::string> parts_of(std::string_view shown) {
  std::vector<std::string> parts;
  for (const std::string& part : split_outside_quotes(shown, '.')) parts.push_back(part.starts_with('"') ? fold_identifier(part) : part);
  return parts;
}

struct Held {
  std::string privilege;
  std::string object;
  std::vector<std::string> name;
};

/// Columns of SHOW GRANTS by name: their order differs between editions.
std::string cell(const SqlResult& result, const std::vector<std::optional<std::string>>& row, std::string_view column) {
  for (std::size_t i = 0; i < result.columns.size() && i < row.size(); ++i) {
    if (result.columns[i].name == column) return row[i].value_or("");
  }
  return {};
}

}  // namespace

std::string SnowflakeGrant::sql(const std::string& role) const {
  return "GRANT " + privileges + " ON " + object + " " + qualified(name) + " TO ROLE " + snowflake_identifier(role);
}

std::vector<SnowflakeGrant> needed_grants(const SnowflakeOptions& options) {
  std::vector<SnowflakeGrant> grants{
      {"USAGE", "WAREHOUSE", {options.warehouse}, "to run MERGE and queries there; streaming rows in needs no warehouse"},
      {"USAGE", "DATABASE", {options.database}, "to see the database"}};
  if (options.schema.empty()) {
    grants.push_back(
        {"CREATE SCHEMA", "DATABASE", {options.database}, "a schema for each of the source's, and _LUGE; luge owns what it creates there"});
    return grants;
  }
  const std::vector<std::string> schema{options.database, options.schema};
  grants.push_back({"USAGE", "SCHEMA", schema, "to see the schema"});
  grants.push_back({"CREATE TABLE", "SCHEMA", schema, "the mirror's tables and their logs, which luge then owns"});
  if (options.current_state == SnowflakeOptions::CurrentState::view) grants.push_back({"CREATE VIEW", "SCHEMA", schema, "current_state: view"});
  return grants;
}

Result<MissingGrants> find_missing_grants(SqlClient& sql, const SnowflakeOptions& options, const std::string& role) {
  MissingGrants found;
  found.certain = true;
  std::vector<Held> held;
  std::deque<std::string> waiting{role, "PUBLIC"};
  std::set<std::string> seen;
  while (!waiting.empty()) {
    const std::string next = waiting.front();
    waiting.pop_front();
    if (!seen.insert(next).second) continue;
    SqlStatement statement;
    statement.text = "SHOW GRANTS TO ROLE " + snowflake_identifier(next);
    statement.timeout = std::chrono::seconds(15);
    const auto answer = sql.run(statement);
    if (!answer) {
      if (next == role) return answer.error();
      found.certain = false;
      continue;
    }
    // It sees the database, so it holds something: who answers this keeps no grants (the emulator).
    if (next == role && answer->rows.empty()) return MissingGrants{};
    for (const auto& row : answer->rows) {
      const std::string object = cell(*answer, row, "granted_on");
      const std::string name = cell(*answer, row, "name");
      if (object == "ROLE" && seen.size() < kMostRoles) {
        waiting.push_back(parts_of(name).front());
      } else if (object == "ROLE" || object == "DATABASE_ROLE" || object == "DATABASE ROLE") {
        found.certain = false;
      } else {
        held.push_back({cell(*answer, row, "privilege"), object, parts_of(name)});
      }
    }
  }
  for (const SnowflakeGrant& grant : needed_grants(options)) {
    if (!grant.privileges.starts_with("CREATE")) continue;
    const bool has = std::ranges::any_of(held, [&](const Held& one) {
      return one.object == grant.object && one.name == grant.name && (one.privilege == grant.privileges || one.privilege == "OWNERSHIP");
    });
    if (!has) found.missing.push_back(grant);
  }
  return found;
}

}  // namespace luge
