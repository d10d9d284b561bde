#include "destination/snowflake/snowflake_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <string>
#include <utility>

namespace luge {

namespace {

/// The first word of a statement, in upper case; comments and brackets before it are passed.
std::string first_word(std::string_view sql) {
  std::size_t at = 0;
  while (at < sql.size()) {
    if (std::isspace(static_cast<unsigned char>(sql[at])) != 0 || sql[at] == '(') {
      ++at;
    } else if (sql.substr(at, 2) == "--" || sql.substr(at, 2) == "//") {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at, 2) == "/*") {
      const std::size_t end = sql.find("*/", at + 2);
      at = end == std::string_view::npos ? sql.size() : end + 2;
    } else {
      break;
    }
  }
  std::string word;
  while (at < sql.size() && std::isalpha(static_cast<unsigned char>(sql[at])) != 0)
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(sql[at++])));
  return word;
}

class SnowflakeReader final : public ReadHandle {
 public:
  SnowflakeReader(std::shared_ptr<SnowflakeConnection> connection, std::shared_ptr<void> hold, std::stop_token ends)
      : connection_(std::move(connection)),
        hold_(std::move(hold)),
        sql_(connection_->sql(stop_.get_token())),
        ends_(std::move(ends)),
        when_it_ends_(ends_, [this] { stop_.request_stop(); }) {}

  Status query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) override {
    if (stop_.stop_requested()) return ended();
    constexpr std::array kReading = {"SELECT", "WITH", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "VALUES"};
    const std::string word = first_word(sql);
    if (std::none_of(kReading.begin(), kReading.end(), [&](const char* one) { return word == one; })) {
      return fatal("read_only", "only statements that read are run here, and this one begins with " + (word.empty() ? "nothing" : word),
                   "run it in Snowflake itself");
    }
    SqlStatement statement;
    statement.text = sql;
    statement.timeout = std::chrono::hours(1);
    const auto result = sql_->client().run(statement);
    if (!result && stop_.stop_requested()) return ended();
    if (!result) return result.error();
    std::vector<std::string> names;
    for (const auto& column : result->columns) names.push_back(column.name);
    on_columns(names);
    for (const auto& row : result->rows) on_row(row);
    return ok();
  }
  void cancel() override { stop_.request_stop(); }

 private:
  std::shared_ptr<SnowflakeConnection> connection_;
  std::shared_ptr<void> hold_;
  Error ended() const {
    if (ends_.stop_requested()) return make_error(Recovery::retry, "closed", "the destination was closed or reopened meanwhile", "ask again");
    return make_error(Recovery::retry, "cancelled", "the query was cancelled");
  }

  std::stop_source stop_;
  std::unique_ptr<SqlSession> sql_;
  const std::stop_token ends_;
  std::stop_callback<std::function<void()>> when_it_ends_;
};

}  // namespace

Result<std::shared_ptr<ReadHandle>> make_snowflake_reader(std::shared_ptr<SnowflakeConnection> connection, std::shared_ptr<void> hold,
                                                          std::stop_token ends) {
  return std::shared_ptr<ReadHandle>(std::make_shared<SnowflakeReader>(std::move(connection), std::move(hold), std::move(ends)));
}

}  // namespace luge
