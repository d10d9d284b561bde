#include <gmock/gmock.h>
#include <thread>

#include "destination/snowflake/rest/rest_emulator_test_support.h"
#include "destination/snowflake/rest/rest_test_support.h"
#include "destination/snowflake/snowflake_connection.h"
#include "support/snowflake_emulator.h"

namespace luge {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

/// An OAuth client of the emulator, over REST and the SQL API.
class SnowflakeOauthTest : public testing::Test {
 protected:
  void SetUp() override { begin(SnowflakeEmulator::shared()); }
  void TearDown() override {
    emulator_->control("settings", "POST", {{"token_lifetime_seconds", 600}});
    emulator_->calm();
  }

  void begin(SnowflakeEmulator& emulator) {
    emulator_ = &emulator;
    emulator_->sql("CREATE OR REPLACE TABLE OAUTH_T (ID NUMBER(38,0), NAME VARCHAR)");
    emulator_->control("requests", "DELETE");
  }
  /// A role of its own for each: tokens are shared by those who ask with the same words.
  SnowflakeOptions refresh_options() const {
    static int roles = 0;
    SnowflakeOptions options;
    options.url = emulator_->url();
    options.account = emulator_->account();
    options.role = "OAUTH_ROLE_" + std::to_string(++roles);
    options.database = emulator_->database();
    options.schema = emulator_->schema();
    options.transport = SnowflakeOptions::Transport::rest;
    options.oauth_client_id = emulator_->oauth_client_id();
    options.oauth_client_secret = emulator_->oauth_client_secret();
    options.oauth_refresh_token = emulator_->oauth_refresh_token();
    return options;
  }
  SnowflakeOptions client_options() const {
    SnowflakeOptions options = refresh_options();
    options.oauth_refresh_token.clear();
    options.oauth_token_endpoint = emulator_->url() + "/oauth/token-request";
    return options;
  }

  /// One process's way to Snowflake, with a channel of its own.
  struct Way {
    Way(const SnowflakeOptions& options, const std::string& channel, const Clock& clock)
        : connection(SnowflakeConnection::make(options, clock).value()),
          sql(connection->sql({})),
          client(connection->ingest_client({}).value()),
          id{"PUBLIC", "OAUTH_T", channel} {
      const auto opened = client->open(id, seconds(1));
      EXPECT_TRUE(opened) << opened.error().message();
    }
    Status send(std::size_t count) {
      last = lines(count, "x", next);
      next += count;
      return send_all(*client, id, last);
    }
    std::string role() {
      const auto answer = sql->run("SELECT CURRENT_ROLE()");
      return answer ? answer->rows.at(0).at(0).value_or("") : answer.error().message();
    }

    std::shared_ptr<SnowflakeConnection> connection;
    std::unique_ptr<SqlSession> sql;
    std::unique_ptr<IngestClient> client;
    ChannelId id;
    EncodedRows last;
    std::size_t next = 0;
  };

  int requests(const std::string& path_end, int status = 0) const {
    int found = 0;
    for (const Json& entry : emulator_->look("requests"))
      found += entry.at("path").get<std::string>().ends_with(path_end) && (status == 0 || entry.at("status") == status);
    return found;
  }
  int refusals() const {
    int found = 0;
    for (const Json& entry : emulator_->look("requests")) found += entry.at("status") == 401;
    return found;
  }
  std::string count() const { return emulator_->cell("SELECT COUNT(*) FROM OAUTH_T"); }

  std::unique_ptr<SnowflakeEmulator> own_;
  SnowflakeEmulator* emulator_ = nullptr;
  const SystemClock clock_;
};

TEST_F(SnowflakeOauthTest, rows_and_statements_go_on_over_many_lives_of_a_token) {
  emulator_->control("settings", "POST", {{"token_lifetime_seconds", 4}});
  const SnowflakeOptions by_refresh_token = refresh_options(), by_client = client_options();
  Way one(by_refresh_token, "refresh", clock_), two(by_client, "client", clock_);
  std::size_t rounds = 0;
  for (const auto end = std::chrono::steady_clock::now() + seconds(9); std::chrono::steady_clock::now() < end; ++rounds) {
    for (Way* way : {&one, &two}) {
      const Status sent = way->send(100);
      ASSERT_TRUE(sent) << sent.error().message();
    }
    EXPECT_EQ(one.role(), by_refresh_token.role);
    EXPECT_EQ(two.role(), by_client.role);
    std::this_thread::sleep_for(milliseconds(110));
  }
  wait_committed(*one.client, one.id, one.last);
  wait_committed(*two.client, two.id, two.last);
  EXPECT_EQ(count(), std::to_string(rounds * 200));
  EXPECT_EQ(refusals(), 0) << "a token is renewed before it ends";
  EXPECT_GE(requests("/oauth/token-request", 200), 8) << "two seconds each, of two clients";
  EXPECT_LE(requests("/oauth/token-request", 200), 12) << "one for rows and statements together";
  EXPECT_EQ(requests("/oauth/token"), 0) << "an access token is not exchanged";
}

TEST_F(SnowflakeOauthTest, a_token_that_is_refused_early_is_renewed_at_once) {
  Way way(refresh_options(), "expired", clock_);
  ASSERT_TRUE(way.send(10));
  emulator_->control("expire-tokens");
  std::this_thread::sleep_for(milliseconds(110));
  const Status sent = way.send(10);
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_EQ(refusals(), 1);
  emulator_->control("expire-tokens");
  EXPECT_THAT(way.role(), HasSubstr("OAUTH_ROLE"));
  EXPECT_EQ(refusals(), 2);
  EXPECT_EQ(requests("/oauth/token-request"), 3);
  wait_committed(*way.client, way.id, way.last);
  EXPECT_EQ(count(), "20");
}

TEST_F(SnowflakeOauthTest, what_the_endpoint_refuses_is_told_without_the_secret) {
  const auto refused = [&](const SnowflakeOptions& options) {
    const auto connection = SnowflakeConnection::make(options, clock_).value();
    const auto by_sql = connection->sql({})->run("SELECT 1");
    EXPECT_FALSE(by_sql);
    const auto client = connection->rest_client({}).value();
    const auto by_rest = client->open({"PUBLIC", "OAUTH_T", "c"}, seconds(0));
    EXPECT_FALSE(by_rest);
    if (by_sql || by_rest) return Error{};
    EXPECT_EQ(by_sql.error().message(), by_rest.error().message());
    EXPECT_EQ(by_sql.error().recovery, Recovery::stop_pipeline);
    EXPECT_THAT(by_sql.error().message(), Not(HasSubstr("not-the-secret")));
    EXPECT_THAT(by_sql.error().message(), Not(HasSubstr(emulator_->oauth_client_secret())));
    EXPECT_THAT(by_sql.error().message(), Not(HasSubstr(emulator_->oauth_refresh_token())));
    return by_sql.error();
  };
  SnowflakeOptions options = refresh_options();
  options.oauth_client_secret = "not-the-secret";
  EXPECT_THAT(refused(options).message(), HasSubstr("invalid_client"));
  options = refresh_options();
  options.oauth_refresh_token = "not-the-secret";
  EXPECT_THAT(refused(options).message(), HasSubstr("invalid_grant"));
  options = refresh_options();
  options.oauth_scope = "nothing";
  EXPECT_THAT(refused(options).message(), HasSubstr("(nothing)"));
  options = client_options();
  options.oauth_token_endpoint = emulator_->url() + "/elsewhere";
  EXPECT_THAT(refused(options).message(), HasSubstr("404"));
}

TEST_F(SnowflakeOauthTest, statements_wait_for_an_endpoint_that_is_away) {
  emulator_->fault({{"kind", "status"}, {"status", 503}, {"path", "token-request$"}, {"count", 2}});
  const auto connection = SnowflakeConnection::make(refresh_options(), clock_).value();
  const auto client = connection->rest_client({}).value();
  EXPECT_EQ(client->open({"PUBLIC", "OAUTH_T", "c"}, seconds(0)).error().recovery, Recovery::retry);
  const auto answer = connection->sql({})->run("SELECT 1");
  EXPECT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(client->open({"PUBLIC", "OAUTH_T", "c"}, seconds(0)));
}

TEST_F(SnowflakeOauthTest, a_refresh_token_that_serves_once_serves_everybody_in_this_process) {
  own_ = std::make_unique<SnowflakeEmulator>(std::vector<std::string>{"--rotate-refresh-tokens", "--token-lifetime=2"});
  begin(*own_);
  const SnowflakeOptions options = refresh_options();
  {
    Way checks(options, "checks", clock_);
    ASSERT_TRUE(checks.send(10));
  }
  Way pipeline(options, "pipeline", clock_);
  for (int i = 0; i < 30; ++i) {
    const Status sent = pipeline.send(10);
    ASSERT_TRUE(sent) << sent.error().message();
    EXPECT_EQ(pipeline.role(), options.role);
    std::this_thread::sleep_for(milliseconds(110));
  }
  EXPECT_GE(requests("/oauth/token-request", 200), 3);
  EXPECT_EQ(requests("/oauth/token-request"), requests("/oauth/token-request", 200));
}

}  // namespace
}  // namespace luge
