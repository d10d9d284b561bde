#include "destination/snowflake/auth/renewed_tokens.h"

#include <set>
#include <thread>

#include "destination/snowflake/auth/oauth_error.h"
#include "destination/snowflake/rest/rest_test_support.h"

namespace luge {
namespace {

using Json = nlohmann::json;

OauthGrant refresh_grant() { return {"https://acct.example/oauth/token-request", "id=/+", "secret-word", "refresh-word", "session:role:LUGE"}; }

class RenewedTokensTest : public testing::Test {
 protected:
  void answer(const std::string& token, std::optional<int> life = 600, const std::string& refresh_token = "") {
    Json body = {{"access_token", token}, {"token_type", "Bearer"}};
    if (life) body["expires_in"] = *life;
    if (!refresh_token.empty()) body["refresh_token"] = refresh_token;
    http_.answer(200, body);
  }
  std::string token() {
    const auto token = tokens_.token();
    EXPECT_TRUE(token) << token.error().message();
    return token ? token->value : "";
  }
  Error failure() {
    const auto token = tokens_.token();
    EXPECT_FALSE(token);
    if (token) return {};
    for (const char* secret : {"secret-word", "refresh-word", "sentence", "aWQ9Lys6"})
      EXPECT_EQ(token.error().message().find(secret), std::string::npos);
    EXPECT_EQ(token.error().write_state, WriteState::not_applied);
    return token.error();
  }
  void advance(std::int64_t seconds) { clock_.instant = clock_.instant + std::chrono::seconds(seconds); }

  ScriptedStreaming http_;
  SteppedClock clock_;
  RenewedTokens tokens_{http_, refresh_grant(), clock_};
};

TEST_F(RenewedTokensTest, asks_with_the_clients_secret_and_its_refresh_token) {
  answer("one");
  const auto token = tokens_.token();
  ASSERT_TRUE(token) << token.error().message();
  EXPECT_EQ(token->value, "one");
  EXPECT_EQ(token->type, "OAUTH");
  ASSERT_EQ(http_.asked.size(), 1U);
  EXPECT_EQ(http_.asked[0].method, HttpRequest::Method::post);
  EXPECT_EQ(http_.asked[0].url, "https://acct.example/oauth/token-request");
  EXPECT_EQ(http_.asked[0].header("Authorization"), "Basic aWQ9Lys6c2VjcmV0LXdvcmQ=");  // id=/+:secret-word
  EXPECT_EQ(http_.asked[0].header("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(http_.asked[0].header("Accept"), "application/json");
  EXPECT_EQ(http_.asked[0].body, "grant_type=refresh_token&refresh_token=refresh-word&scope=session%3Arole%3ALUGE");
}

TEST_F(RenewedTokensTest, without_a_refresh_token_the_client_signs_in_as_itself) {
  RenewedTokens tokens(http_, {"https://idp.example/token?tenant=1", "id", "secret-word", "", ""}, clock_);
  answer("one", 600, "not asked for");
  ASSERT_TRUE(tokens.token());
  EXPECT_EQ(http_.asked[0].url, "https://idp.example/token?tenant=1");
  EXPECT_EQ(http_.asked[0].body, "grant_type=client_credentials");
  advance(600);
  answer("two");
  ASSERT_TRUE(tokens.token());
  EXPECT_EQ(http_.asked[1].body, "grant_type=client_credentials");
}

TEST_F(RenewedTokensTest, a_token_is_kept_until_a_minute_before_its_end) {
  answer("one");
  for (const int seconds : {0, 539}) {
    advance(seconds);
    EXPECT_EQ(token(), "one");
  }
  advance(1);
  answer("two");
  EXPECT_EQ(token(), "two");
  EXPECT_EQ(http_.asked.size(), 2U);
}

TEST_F(RenewedTokensTest, a_short_life_is_used_by_half_and_none_at_all_for_a_second) {
  answer("one", 30);
  EXPECT_EQ(token(), "one");
  advance(14);
  EXPECT_EQ(token(), "one");
  advance(1);
  answer("two", 0);
  EXPECT_EQ(token(), "two");
  EXPECT_EQ(token(), "two");
  advance(1);
  http_.answer(200, Json{{"access_token", "three"}, {"expires_in", "120"}});  // some endpoints write it as text
  EXPECT_EQ(token(), "three");
  advance(59);
  EXPECT_EQ(token(), "three");
  advance(1);
  answer("four", std::nullopt);
  EXPECT_EQ(token(), "four");
  advance(1'000'000);
  EXPECT_EQ(token(), "four") << "its end is not told: it is good until it is refused";
}

TEST_F(RenewedTokensTest, a_refused_token_is_renewed_once_for_all_who_saw_it) {
  answer("one");
  const auto first = tokens_.token();
  EXPECT_TRUE(tokens_.refused(*first));
  EXPECT_TRUE(tokens_.refused(*first)) << "another client, with the same token";
  answer("two");
  EXPECT_EQ(token(), "two");
  EXPECT_TRUE(tokens_.refused(*first)) << "a third one, late";
  EXPECT_EQ(token(), "two");
  EXPECT_EQ(http_.asked.size(), 2U);
}

TEST_F(RenewedTokensTest, an_endpoint_that_gives_the_refused_token_again_has_nothing_better) {
  answer("one");
  EXPECT_TRUE(tokens_.refused(*tokens_.token()));
  answer("one");
  EXPECT_FALSE(tokens_.refused(*tokens_.token()));
  answer("two");
  EXPECT_TRUE(tokens_.refused(*tokens_.token()));
}

TEST_F(RenewedTokensTest, a_rotated_refresh_token_is_used_from_then_on) {
  answer("one", 600, "next+word");
  EXPECT_EQ(token(), "one");
  advance(540);
  answer("two");
  EXPECT_EQ(token(), "two");
  advance(540);
  answer("three");
  EXPECT_EQ(token(), "three");
  EXPECT_NE(http_.asked[0].body.find("refresh_token=refresh-word&"), std::string::npos);
  EXPECT_NE(http_.asked[1].body.find("refresh_token=next%2Bword&"), std::string::npos);
  EXPECT_NE(http_.asked[2].body.find("refresh_token=next%2Bword&"), std::string::npos) << "no new one came: the last stays";
}

TEST_F(RenewedTokensTest, while_the_token_holds_a_missing_endpoint_is_no_error) {
  answer("one");
  EXPECT_EQ(token(), "one");
  advance(540);
  http_.answer(503, std::string("busy"));
  EXPECT_EQ(token(), "one");
  advance(9);
  EXPECT_EQ(token(), "one");
  EXPECT_EQ(http_.asked.size(), 2U) << "not at every request";
  advance(1);
  http_.lose(WriteState::unknown);
  EXPECT_EQ(token(), "one");
  advance(50);
  http_.lose(WriteState::unknown);
  EXPECT_EQ(failure().recovery, Recovery::retry);
  answer("two");
  EXPECT_EQ(token(), "two");
}

TEST_F(RenewedTokensTest, what_is_transient_is_for_the_caller_to_repeat) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    http_.answer(status, Json{{"error", "sentence with refresh-word"}});
    const Error error = failure();
    EXPECT_EQ(error.recovery, Recovery::retry) << status;
    EXPECT_EQ(error.code, "oauth_unavailable");
    EXPECT_NE(error.what.find(std::to_string(status)), std::string::npos) << error.what;
  }
  for (const char* code : {"server_error", "temporarily_unavailable", "slow_down"}) {
    http_.answer(400, Json{{"error", code}});
    EXPECT_EQ(failure().recovery, Recovery::retry) << code;
  }
  http_.lose(WriteState::unknown);
  EXPECT_EQ(failure().code, "connection_lost");
  for (const char* unreadable :
       {"<html>a portal that wants a password</html>", "{}", "[]", R"({"access_token": 3})", R"({"access_token": "two words"})"}) {
    http_.answer(200, std::string(unreadable));
    EXPECT_EQ(failure().recovery, Recovery::retry) << unreadable;
  }
  answer("one");
  EXPECT_EQ(token(), "one");
}

TEST_F(RenewedTokensTest, each_refusal_is_told_with_its_remedy) {
  struct Case {
    int status;
    std::string error;
    std::string says;
  };
  for (const Case& refusal : std::vector<Case>{
           {401, "invalid_client", "oauth_client_secret"},
           {400, "invalid_client", "SYSTEM$SHOW_OAUTH_CLIENT_SECRETS"},
           {400, "invalid_grant", "new refresh token"},
           {400, "unauthorized_client", "client_credentials"},
           {400, "invalid_scope", "session:role:LUGE"},
           {400, "unsupported_grant_type", "oauth_token_endpoint"},
           {400, "invalid_request", "oauth_token_endpoint"},
           {403, "access_denied", "denies"},
           {200, "invalid_grant", "new refresh token"},
       }) {
    http_.answer(refusal.status, Json{{"error", refusal.error}, {"error_description", "sentence with refresh-word and secret-word"}});
    const Error error = failure();
    EXPECT_EQ(error.recovery, Recovery::stop_pipeline);
    EXPECT_EQ(error.code, "oauth");
    EXPECT_NE(error.what.find(std::to_string(refusal.status) + " " + refusal.error), std::string::npos) << error.message();
    EXPECT_NE(error.what.find("https://acct.example/oauth/token-request"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find(refusal.says), std::string::npos) << error.message();
  }
}

TEST_F(RenewedTokensTest, refusals_without_a_known_code_are_told_by_their_status) {
  for (const auto& [status, says] : {std::pair{401, "oauth_client_id"}, {404, "no token endpoint"}, {302, "no token endpoint"}, {400, "log of"}}) {
    http_.answer(status, Json{{"error", "secret-word"}});
    const Error error = failure();
    EXPECT_EQ(error.recovery, Recovery::stop_pipeline);
    EXPECT_NE(error.message().find(says), std::string::npos) << error.message();
  }
}

TEST_F(RenewedTokensTest, a_query_of_the_endpoint_is_not_repeated) {
  const Error error = oauth_error({503, {}, ""}, {"https://idp.example/token?key=secret-word", "id", "s", "", ""});
  EXPECT_EQ(error.message().find("secret-word"), std::string::npos);
  EXPECT_NE(error.message().find("https://idp.example/token answered"), std::string::npos);
}

TEST_F(RenewedTokensTest, many_threads_have_one_token) {
  answer("one");
  std::vector<std::string> found(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& token : found) threads.emplace_back([&] { token = this->token(); });
  }
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), std::set<std::string>{"one"});
  EXPECT_EQ(http_.asked.size(), 1U);
}

TEST(OauthGrant, has_snowflakes_own_endpoint_and_the_roles_scope_by_default) {
  SnowflakeOptions options;
  options.url = "https://acct.example";
  options.oauth_client_id = "id";
  options.oauth_client_secret = "s";
  options.oauth_refresh_token = "r";
  EXPECT_EQ(oauth_grant(options).endpoint, "https://acct.example/oauth/token-request");
  EXPECT_EQ(oauth_grant(options).scope, "");
  EXPECT_STREQ(oauth_grant(options).type(), "refresh_token");
  options.role = "LUGE";
  EXPECT_EQ(oauth_grant(options).scope, "session:role:LUGE");
  options.oauth_scope = "api://snowflake/.default";
  options.oauth_token_endpoint = "https://idp.example/token";
  options.oauth_refresh_token.clear();
  EXPECT_EQ(oauth_grant(options).scope, "api://snowflake/.default");
  EXPECT_EQ(oauth_grant(options).endpoint, "https://idp.example/token");
  EXPECT_STREQ(oauth_grant(options).type(), "client_credentials");
}

}  // namespace
}  // namespace luge
