#include "destination/snowflake/rest/rest_ingest_client.h"

#include <set>

#include "destination/snowflake/rest/rest_test_support.h"

namespace luge {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RestIngestClientTest : public testing::Test {
 protected:
  RestIngestClientTest() : session_(std::make_shared<StreamingSession>("https://acct.example", tokens_, clock_)) {
    http_.answer(200, std::string("ingest.example"));
  }
  static Json opened(const std::string& token, const Json& committed = nullptr, const std::string& code = "SUCCESS",
                     const std::string& name = "ch0") {
    return {{"status_code", 0},
            {"next_continuation_token", token},
            {"channel_status",
             {{"channel_name", name},
              {"channel_status_code", code},
              {"last_committed_offset_token", committed},
              {"rows_inserted", 0},
              {"rows_error_count", 0}}}};
  }
  static Json error(const std::string& code) { return {{"code", code}, {"message", "secret"}}; }
  static Json next(const std::string& token) { return {{"status_code", 0}, {"next_continuation_token", token}}; }

  void open() {
    http_.answer(200, opened("0_1"));
    ASSERT_TRUE(client_.open(id_, seconds(0)));
    forget_requests();
  }
  void forget_requests() { http_.asked.clear(); }
  void advance(Duration by) { clock_.instant = clock_.instant + by; }
  /// After the pace allows it.
  Result<Appended> append(const EncodedRows& rows, std::size_t from = 0) {
    advance(seconds(1));
    return client_.append(id_, rows, from);
  }

  ScriptedStreaming http_;
  SteppedClock clock_;
  SeededRandom random_{7};
  NumberedTokens tokens_{"OAUTH"};
  std::shared_ptr<StreamingSession> session_;
  const ChannelId id_{"PUBLIC", "ORDERS", "ch0"};
  std::vector<Duration> pauses_;
  bool stopping_ = false;
  RestIngestClient client_{http_, session_, "DB", clock_, random_, [this](Duration delay) {
                             advance(delay);
                             pauses_.push_back(delay);
                             return !stopping_;
                           }};
};

// Opening ------------------------------------------------------------------------------------------------------------------

TEST_F(RestIngestClientTest, opens_with_the_headers_and_the_path_that_snowflake_wants) {
  http_.answer(200, opened("0_1", "00000001/0000000000000100/0000000000000007"));
  const auto status = client_.open(id_, seconds(5));
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(status->committed_token, "00000001/0000000000000100/0000000000000007");
  const auto& asked = http_.asked.at(1);
  EXPECT_EQ(asked.method, HttpRequest::Method::put);
  EXPECT_TRUE(asked.url.starts_with("https://ingest.example/v2/streaming/databases/DB/schemas/PUBLIC/pipes/ORDERS-STREAMING/channels/ch0?requestId="))
      << asked.url;
  EXPECT_EQ(asked.parameter("requestId").size(), 36U);
  EXPECT_EQ(asked.body, R"({"fail_on_uncommitted_rows":true})");
  EXPECT_EQ(asked.header("Authorization"), "Bearer own1");
  EXPECT_EQ(asked.header("X-Snowflake-Authorization-Token-Type"), "OAUTH");
  EXPECT_EQ(asked.header("Accept"), "application/json");
  EXPECT_EQ(asked.header("Content-Type"), "application/json");
  EXPECT_EQ(asked.header("User-Agent"), kStreamingUserAgent);
}

TEST_F(RestIngestClientTest, names_that_are_not_plain_upper_case_are_quoted) {
  http_.answer(200, opened("0_1"));
  ASSERT_TRUE(client_.open({"My schema", "a\"b/c", "luge_Ü:0"}, seconds(0)));
  EXPECT_NE(http_.asked.at(1).url.find("/schemas/%22My%20schema%22/pipes/%22a%22%22b%2Fc-STREAMING%22/channels/luge_%C3%9C%3A0?"), std::string::npos)
      << http_.asked.at(1).url;
}

TEST_F(RestIngestClientTest, waits_for_uncommitted_rows_until_the_time_is_up_and_then_opens_without_regard_to_them) {
  for (int i = 0; i < 4; ++i) http_.answer(409, error("ERR_CHANNEL_HAS_UNCOMMITTED_DATA"));
  http_.answer(200, opened("5_1"));
  ASSERT_TRUE(client_.open(id_, milliseconds(500)));
  EXPECT_EQ(pauses_, (std::vector<Duration>{milliseconds(100), milliseconds(200), milliseconds(200)}));
  ASSERT_EQ(http_.asked.size(), 6U);
  std::set<std::string> ids;
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_EQ(http_.asked[i].body, i < 5 ? R"({"fail_on_uncommitted_rows":true})" : "{}");
    ids.insert(http_.asked[i].parameter("requestId"));
  }
  EXPECT_EQ(ids.size(), 5U);
}

TEST_F(RestIngestClientTest, opens_at_once_when_the_rows_are_committed_meanwhile) {
  http_.answer(409, error("ERR_CHANNEL_HAS_UNCOMMITTED_DATA"));
  http_.answer(200, opened("5_1", "t"));
  const auto status = client_.open(id_, seconds(30));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->committed_token, "t");
  EXPECT_EQ(http_.asked.back().body, R"({"fail_on_uncommitted_rows":true})");
}

TEST_F(RestIngestClientTest, waits_while_somebody_else_opens_and_never_forces_that) {
  for (const char* code : {"ERR_OPEN_CHANNEL_IN_PROGRESS", "STALE_PIPE_CACHE", "ERR_PIPE_IN_INVALID_STATE"}) {
    http_.answer(409, error(code));
    http_.answer(200, opened("5_1"));
    EXPECT_TRUE(client_.open(id_, seconds(30))) << code;
    for (int i = 0; i < 100; ++i) http_.answer(409, error(code));
    EXPECT_FALSE(client_.open(id_, seconds(30))) << code;
    EXPECT_EQ(http_.asked.back().body, R"({"fail_on_uncommitted_rows":true})");
    http_.answers.clear();
  }
  for (int i = 0; i < 100; ++i) http_.answer(409, error("ERR_OPEN_CHANNEL_IN_PROGRESS"));
  const auto late = client_.open(id_, seconds(10));
  EXPECT_EQ(late.error().code, "open_in_progress");
  EXPECT_EQ(late.error().recovery, Recovery::retry);
  stopping_ = true;
  EXPECT_EQ(client_.open(id_, seconds(10)).error().code, "cancelled");
}

TEST_F(RestIngestClientTest, does_not_wait_for_a_pipe_of_another_kind) {
  http_.answer(400, error("ERR_PIPE_KIND_NOT_SUPPORTED"));
  const auto refused = client_.open(id_, seconds(30));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "pipe_kind");
  EXPECT_EQ(refused.error().recovery, Recovery::quarantine_table);
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(RestIngestClientTest, a_channel_that_is_opened_and_not_well_is_not_open) {
  http_.answer(200, opened("0_1", nullptr, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"));
  EXPECT_EQ(client_.open(id_, seconds(0)).error().code, "table_missing");
  http_.answer(200, opened("0_1", nullptr, "SOMETHING_NEW"));
  EXPECT_EQ(client_.open(id_, seconds(0)).error().code, "channel_invalid");
  http_.answer(200, Json{{"status_code", 4}, {"message", "secret"}});
  EXPECT_EQ(client_.open(id_, seconds(0)).error().code, "channel_invalid");
  http_.answer(200, Json{{"next_continuation_token", "0_1"}});
  EXPECT_EQ(client_.open(id_, seconds(0)).error().code, "protocol");
  forget_requests();
  EXPECT_EQ(client_.append(id_, lines(1), 0).error().code, "channel_invalid");
  EXPECT_TRUE(http_.asked.empty());
}

// Appending ----------------------------------------------------------------------------------------------------------------

TEST_F(RestIngestClientTest, appends_are_chained_by_their_tokens) {
  open();
  http_.answer(200, next("0_2"), {{"x-snowflake-session", "sticky7"}});
  http_.answer(200, next("0_3"));
  http_.answer(200, next("0_4"));
  const EncodedRows rows = lines(10);
  EXPECT_EQ(append(rows)->rows, 10U);
  EXPECT_EQ(append(rows, 4)->rows, 6U);
  EXPECT_EQ(append(lines(1, "x", 20))->rows, 1U);
  ASSERT_EQ(http_.asked.size(), 3U);
  const auto& first = http_.asked[0];
  EXPECT_EQ(first.method, HttpRequest::Method::post);
  EXPECT_TRUE(first.url.starts_with("https://ingest.example/v2/streaming/data/databases/DB/schemas/PUBLIC/pipes/ORDERS-STREAMING/channels/ch0/rows?"))
      << first.url;
  EXPECT_EQ(first.parameter("continuationToken"), "0_1");
  EXPECT_EQ(first.parameter("startOffsetToken"), "00000001%2F0000000000000100%2F0000000000000000");
  EXPECT_EQ(first.parameter("endOffsetToken"), "00000001%2F0000000000000100%2F0000000000000009");
  EXPECT_EQ(first.header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(first.header("Content-Encoding"), "zstd");
  EXPECT_EQ(first.header("x-snowflake-uncompressed-content-length"), std::to_string(rows.text.size()));
  EXPECT_EQ(first.header("x-snowflake-session"), "");
  EXPECT_EQ(http_.asked[1].parameter("continuationToken"), "0_2");
  EXPECT_EQ(http_.asked[1].parameter("startOffsetToken"), "00000001%2F0000000000000100%2F0000000000000004");
  EXPECT_EQ(http_.asked[1].header("x-snowflake-session"), "sticky7");
  EXPECT_EQ(http_.asked[2].parameter("continuationToken"), "0_3");
  EXPECT_EQ(http_.asked[2].header("x-snowflake-session"), "sticky7");
  EXPECT_NE(http_.asked[0].parameter("requestId"), http_.asked[1].parameter("requestId"));
}

TEST_F(RestIngestClientTest, nothing_offered_is_nothing_sent) {
  open();
  const auto none = append(lines(3), 3);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->rows, 0U);
  EXPECT_TRUE(http_.asked.empty());
}

TEST_F(RestIngestClientTest, keeps_to_the_limits_of_a_channel_without_blocking) {
  open();
  http_.answer(200, next("0_2"));
  const EncodedRows rows = lines(3);
  advance(seconds(1));
  ASSERT_EQ(client_.append(id_, rows, 0)->rows, 3U);
  const auto soon = client_.append(id_, rows, 0);
  ASSERT_TRUE(soon);
  EXPECT_EQ(soon->rows, 0U);
  EXPECT_EQ(soon->again_in, ChannelPace::kRequestInterval);
  EXPECT_EQ(http_.asked.size(), 1U);
  advance(soon->again_in);
  http_.answer(200, next("0_3"));
  EXPECT_EQ(client_.append(id_, rows, 0)->rows, 3U);
}

TEST_F(RestIngestClientTest, many_rows_are_several_requests) {
  open();
  const EncodedRows rows = lines(12'000, std::string(2000, 'x'));  // 24 MB
  std::size_t from = 0;
  for (int i = 2; from < rows.rows.size(); ++i) {
    http_.answer(200, next("0_" + std::to_string(i)));
    const auto appended = append(rows, from);
    ASSERT_TRUE(appended);
    ASSERT_GT(appended->rows, 0U);
    from += appended->rows;
  }
  EXPECT_GE(http_.asked.size(), 3U);
  for (std::size_t i = 0; i < http_.asked.size(); ++i) EXPECT_EQ(http_.asked[i].parameter("continuationToken"), "0_" + std::to_string(i + 1));
}

/// Whatever leaves the outcome open: the same bytes under the same id and the same token, until there is an answer.
TEST_F(RestIngestClientTest, an_unknown_outcome_is_asked_for_with_the_same_request) {
  open();
  const EncodedRows rows = lines(50);
  http_.lose(WriteState::unknown);
  http_.answer(500, std::string(R"("ERR_GENERAL_EXCEPTION_RETRY_REQUEST")"));
  http_.answer(503, error("ERR_PIPE_NOT_LOCALLY_OWNED_OR_NOT_STARTED"));
  http_.answer(502, std::string("<html>"));
  http_.answer(408, std::string(""));
  http_.answer(200, std::string("<html>a portal</html>"));
  http_.lose(WriteState::not_applied);
  http_.answer(200, next("0_2"));
  for (int i = 0; i < 7; ++i) {
    const auto failed = append(rows, 10);
    ASSERT_FALSE(failed) << i;
    EXPECT_EQ(failed.error().recovery, Recovery::retry) << failed.error().message();
    EXPECT_EQ(failed.error().write_state, WriteState::unknown) << i;  // also the last: an earlier one may have got through
  }
  const EncodedRows longer = lines(80);  // more rows have come meanwhile: they wait for the next request
  EXPECT_EQ(append(longer, 10)->rows, 40U);
  ASSERT_EQ(http_.asked.size(), 8U);
  for (const auto& asked : http_.asked) {
    EXPECT_EQ(asked.url, http_.asked[0].url);
    EXPECT_EQ(asked.body, http_.asked[0].body);
  }
  http_.answer(200, next("0_3"));
  EXPECT_EQ(append(longer, 50)->rows, 30U);
  EXPECT_EQ(http_.asked.back().parameter("continuationToken"), "0_2");
  EXPECT_NE(http_.asked.back().parameter("requestId"), http_.asked[0].parameter("requestId"));
}

TEST_F(RestIngestClientTest, other_rows_are_never_sent_under_a_token_that_may_be_consumed) {
  open();
  http_.lose(WriteState::unknown);
  ASSERT_FALSE(append(lines(5)));
  forget_requests();
  const auto other = append(lines(5, "x", 100));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "channel_invalid");
  EXPECT_TRUE(http_.asked.empty());
  EXPECT_EQ(append(lines(5)).error().code, "channel_invalid");  // it has to be opened again
}

TEST_F(RestIngestClientTest, nor_are_rows_of_the_same_positions_and_size_that_read_differently) {
  open();
  http_.lose(WriteState::unknown);
  ASSERT_FALSE(append(lines(5, "x")));
  forget_requests();
  EXPECT_EQ(append(lines(5, "y")).error().code, "channel_invalid");
  EXPECT_TRUE(http_.asked.empty());
}

TEST_F(RestIngestClientTest, rows_that_were_surely_not_taken_may_be_others_the_next_time) {
  open();
  http_.lose(WriteState::not_applied);
  ASSERT_FALSE(append(lines(5)));
  http_.answer(200, next("0_2"));
  EXPECT_EQ(append(lines(7, "y"))->rows, 7U);
  EXPECT_EQ(http_.asked[1].parameter("continuationToken"), "0_1");
  EXPECT_NE(http_.asked[1].parameter("requestId"), http_.asked[0].parameter("requestId"));
}

TEST_F(RestIngestClientTest, too_many_requests_are_back_pressure_and_wait_longer_and_longer) {
  open();
  const EncodedRows rows = lines(5);
  Duration longest{0};
  for (int i = 0; i < 12; ++i) {
    http_.answer(429, error("390701"));
    const auto refused = append(rows);
    ASSERT_TRUE(refused) << refused.error().message();
    EXPECT_EQ(refused->rows, 0U);
    EXPECT_GT(refused->again_in, Duration(0));
    EXPECT_LE(refused->again_in, seconds(10));
    EXPECT_EQ(client_.append(id_, rows, 0)->rows, 0U);  // and nothing goes out before
    longest = std::max(longest, refused->again_in);
    advance(refused->again_in);
  }
  EXPECT_GT(longest, seconds(2));
  EXPECT_EQ(http_.asked.size(), 12U);
  http_.answer(200, next("0_2"));
  EXPECT_EQ(append(rows)->rows, 5U);
  EXPECT_EQ(http_.asked.back().url, http_.asked.front().url);
}

TEST_F(RestIngestClientTest, a_broken_chain_wants_the_channel_opened_again) {
  const std::pair<int, Json> answers[] = {
      {400, error("STALE_CONTINUATION_TOKEN_SEQUENCER")},
      {400, error("ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER")},
      {400, error("ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER")},
      {400, error("ERR_CHANNEL_MUST_BE_REOPENED")},
      {400, error("ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP")},
      {404, error("ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED")},
      {404, error("ERR_CHANNEL_NO_LONGER_EXISTS")},
      {409, error("ERR_PIPE_IN_INVALID_STATE")},
      {404, error("STALE_PIPE_CACHE")},
      {200, Json{{"status_code", 4}}},
      {404, Json{}},
  };
  for (const auto& [status, body] : answers) {
    open();
    http_.answer(status, body);
    const auto failed = append(lines(5));
    ASSERT_FALSE(failed) << body;
    EXPECT_EQ(failed.error().code, "channel_invalid") << body;
    EXPECT_EQ(failed.error().recovery, Recovery::reconnect);
    EXPECT_EQ(failed.error().message().find("secret"), std::string::npos);
    forget_requests();
    EXPECT_EQ(append(lines(5)).error().code, "channel_invalid");
    EXPECT_TRUE(http_.asked.empty());
  }
}

TEST_F(RestIngestClientTest, what_stops_a_table_or_the_pipeline) {
  const std::tuple<int, Json, const char*, Recovery> answers[] = {
      {404, error("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"), "table_missing", Recovery::quarantine_table},
      {404, error("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"), "table_missing", Recovery::quarantine_table},
      {400, error("ERR_PIPE_KIND_NOT_SUPPORTED"), "pipe_kind", Recovery::quarantine_table},
      {403, error("390403"), "forbidden", Recovery::stop_pipeline},
      {400, error("391902"), "refused", Recovery::stop_pipeline},
  };
  for (const auto& [status, body, code, recovery] : answers) {
    open();
    http_.answer(status, body);
    const auto failed = append(lines(5));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, code);
    EXPECT_EQ(failed.error().recovery, recovery);
    EXPECT_EQ(failed.error().message().find("secret"), std::string::npos);
  }
}

TEST_F(RestIngestClientTest, a_token_that_ended_is_renewed_once_for_the_same_request) {
  open();
  http_.answer(401, error("390318"));
  http_.answer(200, next("0_2"));
  EXPECT_EQ(append(lines(5))->rows, 5U);
  ASSERT_EQ(http_.asked.size(), 2U);
  EXPECT_EQ(http_.asked[0].header("Authorization"), "Bearer own1");
  EXPECT_EQ(http_.asked[1].header("Authorization"), "Bearer own2");
  EXPECT_EQ(http_.asked[0].url, http_.asked[1].url);
  EXPECT_EQ(http_.asked[0].body, http_.asked[1].body);
  http_.answer(401, error("390144"));
  http_.answer(401, error("390144"));
  const auto refused = append(lines(5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "auth");
  EXPECT_EQ(refused.error().recovery, Recovery::stop_pipeline);
}

TEST_F(RestIngestClientTest, after_a_fail_over_the_whole_client_starts_again) {
  open();
  http_.answer(410, std::string("Gone"));
  const auto gone = append(lines(5));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "client_invalid");
  EXPECT_EQ(gone.error().recovery, Recovery::reconnect);
  forget_requests();
  http_.answer(200, std::string("other.example"));
  http_.answer(200, opened("9_1"));
  ASSERT_TRUE(client_.open(id_, seconds(0)));
  EXPECT_EQ(http_.asked[0].url, "https://acct.example/v2/streaming/hostname");
  EXPECT_TRUE(http_.asked[1].url.starts_with("https://other.example/")) << http_.asked[1].url;
}

TEST_F(RestIngestClientTest, a_body_that_the_server_finds_too_large_is_made_smaller) {
  open();
  SeededRandom random(5);
  const EncodedRows rows = noisy_lines(400, 1000, random);
  http_.answer(413, error("ERR_REQUEST_BODY_TOO_LARGE"));
  EXPECT_EQ(append(rows)->rows, 0U);
  http_.answer(200, next("0_2"));
  const auto appended = append(rows);
  ASSERT_TRUE(appended);
  EXPECT_GT(appended->rows, 0U);
  EXPECT_EQ(http_.asked[1].parameter("continuationToken"), "0_1");
  EXPECT_NE(http_.asked[1].parameter("requestId"), http_.asked[0].parameter("requestId"));
  EXPECT_LE(http_.asked[1].body.size(), http_.asked[0].body.size() / 2 + 1);

  http_.answer(413, error("ERR_REQUEST_BODY_TOO_LARGE"));
  const auto single = append(lines(1, "x", 500));
  ASSERT_FALSE(single);
  EXPECT_EQ(single.error().code, "row_too_large");
  EXPECT_EQ(single.error().recovery, Recovery::quarantine_table);
}

TEST_F(RestIngestClientTest, a_row_that_no_request_carries_is_not_sent) {
  open();
  SeededRandom random(5);
  const auto failed = append(lines(1, noise(6'000'000, random)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "row_too_large");
  EXPECT_EQ(failed.error().write_state, WriteState::not_applied);
  EXPECT_TRUE(http_.asked.empty());
  http_.answer(200, next("0_2"));
  EXPECT_EQ(append(lines(1))->rows, 1U);  // the channel itself is well
}

TEST_F(RestIngestClientTest, channels_do_not_disturb_each_other) {
  open();
  const ChannelId other{"PUBLIC", "ORDERS", "ch1"};
  http_.answer(200, opened("3_1", nullptr, "SUCCESS", "ch1"));
  ASSERT_TRUE(client_.open(other, seconds(0)));
  http_.lose(WriteState::unknown);
  ASSERT_FALSE(append(lines(5)));
  http_.answer(200, next("3_2"));
  EXPECT_EQ(client_.append(other, lines(3), 0)->rows, 3U);
  http_.answer(200, next("0_2"));
  forget_requests();
  EXPECT_EQ(append(lines(5))->rows, 5U);
  EXPECT_EQ(http_.asked[0].parameter("continuationToken"), "0_1");
}

// Asking and dropping ------------------------------------------------------------------------------------------------------

TEST_F(RestIngestClientTest, statuses_of_the_channels_that_exist) {
  http_.answer(200, opened("0_1", nullptr, "SUCCESS", "CH0"));  // a server that folds names
  ASSERT_TRUE(client_.open(id_, seconds(0)));
  forget_requests();
  http_.answer(200,
               Json{{"channel_statuses",
                     {{"CH0", {{"channel_status_code", "SUCCESS"}, {"last_committed_offset_token", "t"}, {"rows_inserted", 5}, {"rows_errors", 1}}},
                      {"stranger", {{"channel_status_code", "SUCCESS"}}}}}});
  const auto statuses = client_.statuses("PUBLIC", "ORDERS", {"ch0", "ch1"});
  ASSERT_TRUE(statuses) << statuses.error().message();
  ASSERT_EQ(statuses->size(), 1U);
  EXPECT_EQ(statuses->at("ch0").committed_token, "t");
  EXPECT_EQ(statuses->at("ch0").rows_inserted, 5U);
  EXPECT_EQ(statuses->at("ch0").rows_error_count, 1U);
  EXPECT_EQ(http_.asked[0].url, "https://ingest.example/v2/streaming/databases/DB/schemas/PUBLIC/pipes/ORDERS-STREAMING:bulk-channel-status");
  EXPECT_EQ(http_.asked[0].body, R"({"channel_names":["CH0","ch1"]})");
}

TEST_F(RestIngestClientTest, a_status_that_is_not_there_for_a_moment_is_asked_for_again) {
  open();
  http_.answer(404, std::string(""));
  EXPECT_EQ(client_.statuses("PUBLIC", "ORDERS", {"ch0"}).error().recovery, Recovery::retry);
  http_.answer(404, error("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"));
  EXPECT_EQ(client_.statuses("PUBLIC", "ORDERS", {"ch0"}).error().code, "table_missing");
  http_.answer(200, std::string("{}"));
  EXPECT_EQ(client_.statuses("PUBLIC", "ORDERS", {"ch0"}).error().code, "protocol");
  forget_requests();
  EXPECT_TRUE(client_.statuses("PUBLIC", "ORDERS", {})->empty());
  EXPECT_TRUE(http_.asked.empty());
}

TEST_F(RestIngestClientTest, drops_a_channel_and_takes_gone_for_dropped) {
  open();
  http_.answer(200, Json{{"status_code", 0}});
  EXPECT_TRUE(client_.drop(id_));
  EXPECT_EQ(http_.asked[0].method, HttpRequest::Method::remove);
  EXPECT_TRUE(http_.asked[0].url.starts_with(
      "https://ingest.example/v2/streaming/databases/DB/schemas/PUBLIC/pipes/ORDERS-STREAMING/channels/ch0?requestId="));
  EXPECT_EQ(append(lines(1)).error().code, "channel_invalid");
  http_.answer(404, error("ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"));
  EXPECT_TRUE(client_.drop(id_));
  http_.answer(404, error("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"));
  EXPECT_TRUE(client_.drop(id_));
  http_.answer(503, std::string(""));
  EXPECT_EQ(client_.drop(id_).error().recovery, Recovery::retry);
  EXPECT_TRUE(client_.flush());
}

}  // namespace
}  // namespace luge
