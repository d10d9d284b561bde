#include "destination/snowflake/rest/streaming_session.h"

#include "destination/snowflake/rest/rest_test_support.h"

namespace luge {
namespace {

class StreamingSessionTest : public testing::Test {
 protected:
  void answer_host() { http_.answer(200, std::string("Ab_c.Ingest.Snowflakecomputing.com")); }
  std::string answer_token(std::int64_t life_s, const std::string& name) {
    std::string token = scoped_token(clock_, life_s, name);
    http_.answer(200, token);
    return token;
  }
  void advance(std::int64_t seconds) { clock_.instant = clock_.instant + std::chrono::seconds(seconds); }

  ScriptedStreaming http_;
  SteppedClock clock_;
  NumberedTokens tokens_{"KEYPAIR_JWT"};
  StreamingSession session_{"https://acct.snowflakecomputing.com", tokens_, clock_};
};

TEST_F(StreamingSessionTest, asks_for_the_host_and_exchanges_the_token_once) {
  answer_host();
  const std::string token = answer_token(600, "a");
  for (int i = 0; i < 3; ++i) {
    const auto access = session_.access(http_);
    ASSERT_TRUE(access) << access.error().message();
    EXPECT_EQ(access->url, "https://ab-c.ingest.snowflakecomputing.com");
    EXPECT_EQ(access->token.value, token);
    EXPECT_EQ(access->token.type, "OAUTH");
  }
  ASSERT_EQ(http_.asked.size(), 2U);
  EXPECT_EQ(http_.asked[0].url, "https://acct.snowflakecomputing.com/v2/streaming/hostname");
  EXPECT_EQ(http_.asked[0].header("Authorization"), "Bearer own1");
  EXPECT_EQ(http_.asked[0].header("X-Snowflake-Authorization-Token-Type"), "KEYPAIR_JWT");
  EXPECT_EQ(http_.asked[0].header("Accept"), "application/json");
  EXPECT_EQ(http_.asked[0].header("User-Agent"), kStreamingUserAgent);
  EXPECT_TRUE(std::string(kStreamingUserAgent).starts_with("luge/")) << kStreamingUserAgent;
  EXPECT_EQ(http_.asked[1].url, "https://acct.snowflakecomputing.com/oauth/token");
  EXPECT_EQ(http_.asked[1].body, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=ab-c.ingest.snowflakecomputing.com");
  EXPECT_EQ(http_.asked[1].header("Content-Type"), "application/x-www-form-urlencoded");
}

TEST_F(StreamingSessionTest, reads_both_forms_of_both_answers) {
  http_.answer(200, nlohmann::json{{"hostname", "h.example"}});
  const std::string token = scoped_token(clock_, 600, "a");
  http_.answer(200, nlohmann::json{{"token", token}});
  const auto access = session_.access(http_);
  ASSERT_TRUE(access) << access.error().message();
  EXPECT_EQ(access->url, "https://h.example");
  EXPECT_EQ(access->token.value, token);
}

TEST_F(StreamingSessionTest, renews_the_token_a_minute_early_and_a_short_one_at_half_its_life) {
  answer_host();
  answer_token(600, "a");
  ASSERT_TRUE(session_.access(http_));
  advance(539);
  ASSERT_TRUE(session_.access(http_));
  EXPECT_EQ(http_.asked.size(), 2U);
  advance(2);
  const std::string second = answer_token(30, "b");
  EXPECT_EQ(session_.access(http_)->token.value, second);
  advance(14);
  EXPECT_EQ(session_.access(http_)->token.value, second);
  advance(2);
  const std::string third = answer_token(600, "c");
  EXPECT_EQ(session_.access(http_)->token.value, third);
}

TEST_F(StreamingSessionTest, a_clock_far_ahead_does_not_mean_an_exchange_for_every_request) {
  answer_host();
  const std::string token = answer_token(-5000, "a");
  EXPECT_EQ(session_.access(http_)->token.value, token);
  EXPECT_EQ(session_.access(http_)->token.value, token);
  EXPECT_EQ(http_.asked.size(), 2U);
}

TEST_F(StreamingSessionTest, a_refused_token_is_exchanged_anew_by_one_of_those_who_saw_it) {
  answer_host();
  answer_token(600, "a");
  const auto used = session_.access(http_);
  EXPECT_TRUE(session_.refused(*used));
  EXPECT_TRUE(session_.refused(*used));  // a second client, with the same old token
  const std::string fresh = answer_token(600, "b");
  EXPECT_EQ(session_.access(http_)->token.value, fresh);
  EXPECT_TRUE(session_.refused(*used));  // a third one, late: the fresh token stays
  EXPECT_EQ(session_.access(http_)->token.value, fresh);
  EXPECT_EQ(http_.asked.size(), 3U);
}

TEST_F(StreamingSessionTest, a_given_token_is_taken_as_it_is) {
  NumberedTokens given("PROGRAMMATIC_ACCESS_TOKEN", false);
  StreamingSession session("https://acct.snowflakecomputing.com", given, clock_);
  answer_host();
  const auto access = session.access(http_);
  ASSERT_TRUE(access);
  EXPECT_EQ(access->token.value, "own1");
  EXPECT_EQ(access->token.type, "PROGRAMMATIC_ACCESS_TOKEN");
  EXPECT_EQ(http_.asked.size(), 1U);
  EXPECT_FALSE(session.refused(*access));  // nothing better to be had
}

TEST_F(StreamingSessionTest, a_token_that_its_source_renews_is_the_newest_at_each_access) {
  NumberedTokens renewed("OAUTH");
  StreamingSession session("https://acct.snowflakecomputing.com", renewed, clock_);
  answer_host();
  const auto first = session.access(http_);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->token.value, "own1");
  renewed.number = 2;
  EXPECT_EQ(session.access(http_)->token.value, "own2");
  EXPECT_TRUE(session.refused(*first)) << "there is a newer one";
  EXPECT_EQ(renewed.number, 2);
  const auto second = session.access(http_);
  EXPECT_TRUE(session.refused(*second));
  EXPECT_EQ(session.access(http_)->token.value, "own3");
  EXPECT_EQ(http_.asked.size(), 1U) << "no exchange";
}

TEST_F(StreamingSessionTest, after_a_fail_over_the_host_is_asked_for_again_once) {
  answer_host();
  answer_token(600, "a");
  const auto used = session_.access(http_);
  session_.invalidate(*used);
  session_.invalidate(*used);
  http_.answer(200, std::string("other.example"));
  const std::string token = answer_token(600, "b");
  EXPECT_EQ(session_.access(http_)->url, "https://other.example");
  session_.invalidate(*used);  // another client's, late
  const auto access = session_.access(http_);
  EXPECT_EQ(access->url, "https://other.example");
  EXPECT_EQ(access->token.value, token);
  EXPECT_EQ(http_.asked.size(), 4U);
}

TEST_F(StreamingSessionTest, an_expired_key_pair_token_is_signed_anew_once) {
  http_.answer(401, nlohmann::json{{"code", "390144"}});
  answer_host();
  answer_token(600, "a");
  ASSERT_TRUE(session_.access(http_));
  EXPECT_EQ(http_.asked[1].header("Authorization"), "Bearer own2");

  StreamingSession other("https://acct.snowflakecomputing.com", tokens_, clock_);
  http_.answer(401, nlohmann::json{{"code", "390144"}});
  http_.answer(401, nlohmann::json{{"code", "390144"}});
  const auto refused = other.access(http_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "auth");
  EXPECT_EQ(refused.error().recovery, Recovery::stop_pipeline);
  EXPECT_EQ(refused.error().message().find("own"), refused.error().message().find("own "));  // "its own host", not a token
}

TEST_F(StreamingSessionTest, what_is_transient_is_for_the_caller_to_repeat) {
  http_.answer(503, std::string("busy"));
  EXPECT_EQ(session_.access(http_).error().recovery, Recovery::retry);
  http_.answer(200, std::string("<html>a portal that wants a password</html>"));
  EXPECT_EQ(session_.access(http_).error().code, "protocol");
  answer_host();
  http_.answer(200, std::string("<html>a portal that wants a password</html>"));
  EXPECT_EQ(session_.access(http_).error().code, "protocol");
  http_.answer(404, std::string(""));  // the host is known by now
  EXPECT_EQ(session_.access(http_).error().code, "refused");
  answer_token(600, "a");
  EXPECT_TRUE(session_.access(http_));
}

TEST(StreamingSession, hosts_and_their_ports) {
  EXPECT_EQ(parse_ingest_host("A_b.example\n"), "a-b.example");
  EXPECT_EQ(parse_ingest_host("\"a.example\""), "a.example");
  EXPECT_EQ(parse_ingest_host(R"({"hostname":"a.example"})"), "a.example");
  EXPECT_EQ(parse_ingest_host(R"({"other":"a.example"})"), std::nullopt);
  EXPECT_EQ(parse_ingest_host(""), std::nullopt);
  EXPECT_EQ(parse_ingest_host("a.example/path"), std::nullopt);
  EXPECT_EQ(parse_ingest_host("user@a.example"), std::nullopt);
  EXPECT_EQ(ingest_url("https://acct.snowflakecomputing.com", "i.example"), "https://i.example");
  EXPECT_EQ(ingest_url("http://127.0.0.1:8085", "127.0.0.1"), "http://127.0.0.1:8085");
  EXPECT_EQ(ingest_url("https://localhost:8443", "localhost"), "https://localhost:8443");
  EXPECT_EQ(ingest_url("http://localhost", "localhost"), "http://localhost");
  EXPECT_EQ(ingest_url("http://[::1]", "localhost"), "http://localhost");
  EXPECT_EQ(ingest_url("http://[::1]:80", "localhost"), "http://localhost:80");
}

}  // namespace
}  // namespace luge
