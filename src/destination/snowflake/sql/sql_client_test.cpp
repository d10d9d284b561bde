#include "destination/snowflake/sql/sql_client.h"

#include <deque>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace luge {
namespace {

using Json = nlohmann::json;

/// Answers from a list, and remembers what was asked.
class ScriptedHttp final : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request) override {
    asked.push_back({request.method, request.url, std::string(request.body), request.headers});
    if (answers.empty()) return make_error(Recovery::retry, "unreachable", "nothing more in the script");
    Result<HttpResponse> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void answer(int status, const Json& body) { answers.emplace_back(HttpResponse{status, {}, body.dump()}); }
  void answer(int status, const std::string& body) { answers.emplace_back(HttpResponse{status, {}, body}); }

  struct Asked {
    HttpRequest::Method method;
    std::string url;
    std::string body;
    HttpHeaders headers;
  };
  std::vector<Asked> asked;
  std::deque<Result<HttpResponse>> answers;
};

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return instant; }
  PgTimestamp wall_now() const override { return {instant.micros}; }
  Instant instant;
};

class CountedTokens final : public TokenSource {
 public:
  Result<AuthToken> token() override {
    if (failures.empty()) return AuthToken{"token" + std::to_string(number), "OAUTH"};
    Error failure = std::move(failures.front());
    failures.pop_front();
    return failure;
  }
  bool refused(const AuthToken&) override {
    ++number;
    return true;
  }
  int number = 1;
  std::deque<Error> failures;
};

class SqlClientTest : public testing::Test {
 protected:
  SqlClient client() {
    SqlSettings settings;
    settings.url = "http://127.0.0.1:1";
    settings.database = "DB";
    settings.schema = "SC";
    settings.warehouse = "WH";
    settings.role = "LOADER";
    return {http_, tokens_, settings, clock_, random_, [this](Duration delay) {
              clock_.instant = clock_.instant + delay;
              ++pauses_;
              return !stopping_;
            }};
  }
  static Json rows(const std::vector<std::vector<Json>>& data, const std::string& handle = "01-a") {
    return {{"code", "090001"},
            {"statementHandle", handle},
            {"resultSetMetaData", {{"rowType", {{{"name", "A"}, {"type", "fixed"}, {"scale", 2}}, {{"name", "B"}, {"type", "text"}}}}}},
            {"data", data}};
  }

  ScriptedHttp http_;
  CountedTokens tokens_;
  SteppedClock clock_;
  SeededRandom random_{7};
  int pauses_ = 0;
  bool stopping_ = false;
};

TEST_F(SqlClientTest, sends_a_statement_and_reads_its_rows) {
  http_.answer(200, rows({{"1.50", "x"}, {nullptr, ""}}));
  const auto result = client().run({"SELECT ?", {"ü", std::nullopt}});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->query_id, "01-a");
  ASSERT_EQ(result->columns.size(), 2U);
  EXPECT_EQ(result->columns[0].name, "A");
  EXPECT_EQ(result->columns[0].scale, 2);
  ASSERT_EQ(result->rows.size(), 2U);
  EXPECT_EQ(result->rows[0][0], "1.50");
  EXPECT_EQ(result->rows[1][0], std::nullopt);
  EXPECT_EQ(result->rows[1][1], "");

  const auto& asked = http_.asked.at(0);
  EXPECT_EQ(asked.method, HttpRequest::Method::post);
  EXPECT_TRUE(asked.url.starts_with("http://127.0.0.1:1/api/v2/statements?requestId=")) << asked.url;
  const Json body = Json::parse(asked.body);
  EXPECT_EQ(body.at("statement"), "SELECT ?");
  EXPECT_EQ(body.at("warehouse"), "WH");
  EXPECT_EQ(body.at("role"), "LOADER");
  EXPECT_EQ(body.at("parameters").at("QUERY_TAG"), "luge");
  EXPECT_EQ(body.at("bindings").at("1").at("value"), "ü");
  EXPECT_TRUE(body.at("bindings").at("2").at("value").is_null());
  EXPECT_EQ(asked.headers[0].second, "Bearer token1");
}

TEST_F(SqlClientTest, waits_for_a_token_as_for_an_answer) {
  tokens_.failures.assign(2, make_error(Recovery::retry, "oauth_unavailable", "busy"));
  http_.answer(200, rows({}));
  SqlStatement statement{"INSERT"};
  statement.repeatable = false;
  ASSERT_TRUE(client().run(statement));
  EXPECT_EQ(pauses_, 2);
  ASSERT_EQ(http_.asked.size(), 1U);
  EXPECT_EQ(http_.asked[0].url.find("retry=true"), std::string::npos) << "it was never sent before";
  tokens_.failures.assign(1, fatal("oauth", "invalid_client"));
  EXPECT_EQ(client().run({"SELECT"}).error().code, "oauth");
  EXPECT_EQ(http_.asked.size(), 1U);
}

TEST_F(SqlClientTest, repeats_what_is_transient_under_the_same_request_id) {
  http_.answer(503, std::string("\"ERR_GENERAL_EXCEPTION_RETRY_REQUEST\""));
  http_.answer(429, Json{{"code", "390505"}, {"message", "too many"}});
  http_.answers.emplace_back(make_error(Recovery::retry, "connection_lost", "gone"));
  http_.answer(200, rows({{"1", "x"}}));
  ASSERT_TRUE(client().run({"SELECT 1"}));
  ASSERT_EQ(http_.asked.size(), 4U);
  EXPECT_EQ(http_.asked[0].url + "&retry=true", http_.asked[1].url);
  EXPECT_EQ(http_.asked[1].url, http_.asked[3].url);
  EXPECT_EQ(http_.asked[0].body, http_.asked[3].body);
  EXPECT_EQ(pauses_, 3);
}

TEST_F(SqlClientTest, does_not_repeat_what_may_be_done_and_must_not_be_done_twice) {
  SqlStatement swap;
  swap.text = "ALTER TABLE a SWAP WITH b";
  swap.repeatable = false;
  http_.answers.emplace_back(make_error(Recovery::retry, "unreachable", "nothing was sent"));
  Error lost = make_error(Recovery::retry, "connection_lost", "the answer was lost");
  lost.write_state = WriteState::unknown;
  http_.answers.emplace_back(std::move(lost));
  const auto done = client().run(swap);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "connection_lost");
  EXPECT_EQ(done.error().write_state, WriteState::unknown);
  EXPECT_EQ(http_.asked.size(), 2U) << "what was not sent is sent again";
}

TEST_F(SqlClientTest, gives_up_at_the_deadline_and_does_not_know_the_outcome) {
  for (int i = 0; i < 1000; ++i) http_.answer(500, std::string("busy"));
  SqlStatement statement{"DELETE FROM t"};
  statement.timeout = std::chrono::seconds(30);
  const auto result = client().run(statement);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "http_500");
  EXPECT_EQ(result.error().write_state, WriteState::unknown);
  EXPECT_LE(clock_.instant.micros, 30'000'000);
}

TEST_F(SqlClientTest, an_expired_token_is_renewed_once) {
  http_.answer(401, Json{{"code", "390318"}, {"message", "expired"}});
  http_.answer(200, rows({}));
  ASSERT_TRUE(client().run({"SELECT 1"}));
  EXPECT_EQ(http_.asked[1].headers[0].second, "Bearer token2");
  http_.answer(401, Json{{"code", "390144"}, {"message", "JWT token is invalid."}});
  http_.answer(401, Json{{"code", "390144"}, {"message", "JWT token is invalid."}});
  const auto refused = client().run({"SELECT 1"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "auth");
  EXPECT_EQ(refused.error().recovery, Recovery::stop_pipeline);
  EXPECT_EQ(refused.error().message().find("token"), refused.error().message().find("token is invalid"));
}

TEST_F(SqlClientTest, follows_a_statement_that_takes_long_and_cancels_it_in_the_end) {
  http_.answer(202, Json{{"code", "333334"}, {"statementHandle", "01-b"}});
  http_.answer(202, Json{{"code", "333334"}, {"statementHandle", "01-b"}});
  http_.answer(200, rows({{"1", "x"}}, "01-b"));
  ASSERT_TRUE(client().run({"CALL wait()"}));
  EXPECT_EQ(http_.asked[1].method, HttpRequest::Method::get);
  EXPECT_TRUE(http_.asked[1].url.ends_with("/api/v2/statements/01-b"));

  http_.asked.clear();
  for (int i = 0; i < 100; ++i) http_.answer(202, Json{{"statementHandle", "01-c"}});
  SqlStatement statement{"CALL wait()"};
  statement.timeout = std::chrono::seconds(20);
  const auto late = client().run(statement);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "timeout");
  EXPECT_EQ(late.error().write_state, WriteState::unknown);
  EXPECT_TRUE(http_.asked.back().url.ends_with("/api/v2/statements/01-c/cancel"));
}

TEST_F(SqlClientTest, several_statements_have_a_result_each) {
  http_.answer(200, Json{{"statementHandle", "01-d"}, {"statementHandles", {"01-d1", "01-d2"}}});
  http_.answer(200, rows({}, "01-d1"));
  http_.answer(
      200, Json{{"statementHandle", "01-d2"},
                {"resultSetMetaData",
                 {{"rowType", {{{"name", "number of rows inserted"}, {"type", "fixed"}}, {{"name", "number of rows updated"}, {"type", "fixed"}}}}}},
                {"data", Json::array({Json::array({"3", "4"})})}});
  SqlStatement statement{"BEGIN; MERGE …"};
  statement.count = 2;
  const auto results = client().run_all(statement);
  ASSERT_TRUE(results) << results.error().message();
  ASSERT_EQ(results->size(), 2U);
  EXPECT_EQ((*results)[1].affected(), 7U);
  EXPECT_EQ(Json::parse(http_.asked[0].body).at("parameters").at("MULTI_STATEMENT_COUNT"), "2");
}

TEST_F(SqlClientTest, reads_all_partitions) {
  Json first = rows({{"1", "a"}});
  first["resultSetMetaData"]["partitionInfo"] = Json::array({Json{{"rowCount", 1}}, Json{{"rowCount", 2}}});
  http_.answer(200, first);
  http_.answer(200, Json{{"data", Json::array({Json::array({"2", "b"}), Json::array({"3", nullptr})})}});
  const auto result = client().run({"SELECT 1"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows.size(), 3U);
  EXPECT_TRUE(http_.asked[1].url.ends_with("/api/v2/statements/01-a?partition=1"));
}

TEST_F(SqlClientTest, what_the_server_refuses_has_its_code_but_no_value) {
  http_.answer(422, Json{{"code", "002003"}, {"sqlState", "42S02"}, {"message", "Object 'T' does not exist or not authorized."}});
  const auto missing = client().run({"SELECT * FROM t"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "002003");
  EXPECT_NE(missing.error().what.find("Object 'T'"), std::string::npos);
  http_.answer(422, Json{{"code", "100038"}, {"sqlState", "22018"}, {"message", "Numeric value 'hushhush' is not recognized"}});
  const auto bad = client().run({"SELECT x::NUMBER FROM t"});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "100038");
  EXPECT_EQ(bad.error().message().find("hushhush"), std::string::npos);
  http_.answer(200, std::string("<html>"));
  const auto html = client().run({"SELECT 1"});
  ASSERT_FALSE(html);
  EXPECT_EQ(html.error().code, "protocol");
}

TEST(Uuid, is_of_version_4) {
  SeededRandom random(1);
  const std::string first = make_uuid(random);
  EXPECT_EQ(first.size(), 36U);
  EXPECT_EQ(first[14], '4');
  EXPECT_NE(std::string("89ab").find(first[19]), std::string::npos);
  EXPECT_NE(make_uuid(random), first);
}

}  // namespace
}  // namespace luge
