#include "statements.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace luge::sink {

namespace {

using Json = nlohmann::json;
using Names = std::initializer_list<const char*>;

Json result(const Names& names, const Json& rows) {
  Json types = Json::array();
  for (const char* name : names) types.push_back({{"name", name}, {"type", "text"}, {"nullable", true}, {"scale", nullptr}, {"precision", nullptr}});
  return {{"code", "090001"},
          {"sqlState", "00000"},
          {"message", "Statement executed successfully."},
          {"statementHandle", "01b00000-0000-0000-0000-000000000000"},
          {"statementStatusUrl", "/api/v2/statements/01b00000-0000-0000-0000-000000000000"},
          {"resultSetMetaData",
           {{"numRows", rows.size()},
            {"format", "jsonv2"},
            {"rowType", types},
            {"partitionInfo", {{{"rowCount", rows.size()}, {"uncompressedSize", 0}}}}}},
          {"data", rows}};
}

/// What stands between the last two double quotes before `end`: the table's own name.
std::string last_name(std::string_view text, std::size_t end) {
  const std::size_t close = text.rfind('"', end);
  if (close == std::string_view::npos || close == 0) return {};
  const std::size_t open = text.rfind('"', close - 1);
  return open == std::string_view::npos ? std::string() : std::string(text.substr(open + 1, close - open - 1));
}

}  // namespace

Statements::Answer Statements::answer(const std::string& request) {
  const Json fields = Json::parse(request, nullptr, false);
  if (!fields.is_object() || !fields.contains("statement")) return {400, R"({"code":"391911","message":"SQL statement is missing."})"};
  const std::string text = fields["statement"];
  const auto is = [&](std::string_view words) { return text.starts_with(words); };
  if (is("SELECT CURRENT_ROLE()")) return {200, result({"CURRENT_ROLE()"}, {{fields.value("role", "LUGE")}}).dump()};
  if (is("SELECT CURRENT_WAREHOUSE()")) return {200, result({"CURRENT_WAREHOUSE()"}, {{fields.value("warehouse", "LUGE")}}).dump()};
  if (is("SHOW WAREHOUSES")) return {200, result({"name", "state", "auto_resume"}, {{fields.value("warehouse", "LUGE"), "STARTED", "true"}}).dump()};
  if (is("SHOW TABLES LIKE '_LUGE_CONTROL_")) {
    const std::lock_guard lock(mutex_);
    Json rows = Json::array();
    for (const auto& [name, comment] : comments_) rows.push_back({name, comment});
    return {200, result({"name", "comment"}, rows).dump()};
  }
  if (is("DESCRIBE") || is("DESC ")) return {422, R"({"code":"002003","message":"does not exist or not authorized.","sqlState":"42S02"})"};
  if (is("CREATE TABLE")) {
    constexpr std::string_view kComment = "COMMENT = '";
    const std::size_t comment = text.rfind(kComment);
    const std::size_t columns = text.find(" (");
    if (comment != std::string::npos && columns != std::string::npos) {
      const std::size_t begin = comment + kComment.size();
      const std::lock_guard lock(mutex_);
      comments_.try_emplace(last_name(text, columns), text.substr(begin, text.find('\'', begin) - begin));
    }
  }
  return {200, result({"status"}, Json::array()).dump()};
}

}  // namespace luge::sink
