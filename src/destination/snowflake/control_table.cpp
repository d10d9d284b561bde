#include "destination/snowflake/control_table.h"

#include <charconv>
#include <chrono>
#include <string_view>

#include "base/random.h"
#include "destination/snowflake/ddl/identifier.h"

namespace luge {

namespace {

constexpr std::string_view kComment = "luge pipeline ";
constexpr std::string_view kUuid = " uuid ";
/// An opening does not wait for long: a warehouse that sleeps needs seconds to wake.
constexpr Duration kLongestTrim = std::chrono::seconds(60);

std::string new_uuid() {
  SeededRandom random(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) ^
                      (static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) << 17));
  return make_uuid(random);
}

}  // namespace

ControlTable::ControlTable(const SnowflakeOptions& options, const std::string& pipeline)
    : pipeline_(pipeline),
      schema_(options.schema.empty() ? "_LUGE" : options.schema),
      own_schema_(options.schema.empty()),
      name_(snowflake_name("_LUGE_CONTROL_" + pipeline, false)) {}

std::string ControlTable::qualified() const { return snowflake_identifier(schema_) + "." + snowflake_identifier(name_); }

Result<std::optional<ControlTable::Found>> ControlTable::find(SqlClient& sql, Duration longest) const {
  SqlStatement statement;
  // LIKE matches without regard to case and knows wildcards: names are compared here.
  statement.text = "SHOW TABLES LIKE " + snowflake_literal("_LUGE_CONTROL_%") + " IN SCHEMA " + snowflake_identifier(schema_);
  statement.timeout = longest;
  auto answer = sql.run(statement);
  if (!answer && no_such_object(answer.error())) return std::optional<Found>();
  TRY(const SqlResult shown, std::move(answer));
  for (std::size_t row = 0; row < shown.rows.size(); ++row) {
    if (shown.cell(row, "name") != name_) continue;
    const std::string comment = shown.cell(row, "comment").value_or("");
    const std::size_t at = comment.find(kUuid);
    if (!comment.starts_with(kComment) || at == std::string::npos) {
      return fatal("foreign", "the table " + qualified() + " in Snowflake is not luge's",
                   "choose another --pipeline, or another schema in the section snowflake");
    }
    Found found{comment.substr(at + kUuid.size()), 0};
    const std::string rows = shown.cell(row, "rows").value_or("");
    std::from_chars(rows.data(), rows.data() + rows.size(), found.rows);
    return std::optional(std::move(found));
  }
  return std::optional<Found>();
}

Result<ControlTable::Found> ControlTable::make(SqlClient& sql) const {
  TRY(auto found, find(sql));
  if (!found) {
    if (own_schema_) {
      TRY(const SqlResult schema, sql.run({"CREATE SCHEMA IF NOT EXISTS " + snowflake_identifier(schema_)}));
    }
    const std::string comment = std::string(kComment) + pipeline_ + std::string(kUuid) + new_uuid();
    TRY(const SqlResult made, sql.run({"CREATE TABLE IF NOT EXISTS " + qualified() +
                                       " (\"INTENT\" VARCHAR(42), \"EPOCH\" NUMBER(10,0)) COMMENT = " + snowflake_literal(comment)}));
    TRY(found, find(sql));
  }
  if (!found) return make_error(Recovery::retry, "control_table", "Snowflake does not show the table " + qualified() + " that luge made just now");
  return *std::move(found);
}

Result<std::uint64_t> ControlTable::trim(SqlClient& sql) const {
  SqlStatement statement;
  statement.text = "DELETE FROM " + qualified() + " WHERE \"INTENT\" < (SELECT MAX(\"INTENT\") FROM " + qualified() + ")";
  statement.timeout = kLongestTrim;
  TRY(const SqlResult deleted, sql.run(statement));
  return deleted.affected();
}

}  // namespace luge
