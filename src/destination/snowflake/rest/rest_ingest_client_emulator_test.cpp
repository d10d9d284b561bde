#include <gtest/gtest.h>
#include <set>
#include <thread>

#include "destination/snowflake/rest/rest_emulator_test_support.h"
#include "destination/snowflake/rest/rest_ingest_client.h"
#include "destination/snowflake/rest/rest_test_support.h"
#include "http/curl_client.h"
#include "support/snowflake_emulator.h"

namespace luge {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RestEmulatorTest : public testing::Test {
 protected:
  RestEmulatorTest() : emulator_(SnowflakeEmulator::shared()), way_(emulator_.url(), emulator_.private_key_file()), client_(way_.client()) {
    emulator_.calm();
    emulator_.sql("CREATE OR REPLACE TABLE T (ID NUMBER(38,0), NAME VARCHAR)");
    emulator_.control("requests", "DELETE");
  }
  ~RestEmulatorTest() override { emulator_.calm(); }

  void open() {
    const auto status = client_->open(id_, seconds(0));
    ASSERT_TRUE(status) << status.error().message();
    ASSERT_EQ(status->committed_token, std::nullopt);
  }
  std::string count() const { return emulator_.cell("SELECT COUNT(*) || ' ' || COUNT(DISTINCT ID) FROM T"); }
  /// Opens again, and sends what is behind the token, as a destination does.
  void recover(const EncodedRows& rows) {
    const auto status = client_->open(id_, seconds(20));
    ASSERT_TRUE(status) << status.error().message();
    std::size_t from = 0;
    while (from < rows.rows.size() && status->committed_token && offset_token(rows.rows[from].position) <= *status->committed_token) ++from;
    const Status sent = send_all(*client_, id_, rows, from);
    ASSERT_TRUE(sent) << sent.error().message();
    wait_committed(*client_, id_, rows);
  }
  std::vector<Json> requests(const std::string& path_end) const {
    std::vector<Json> found;
    for (const Json& entry : emulator_.look("requests")) {
      if (entry.at("path").get<std::string>().ends_with(path_end)) found.push_back(entry);
    }
    return found;
  }

  SnowflakeEmulator& emulator_;
  EmulatorWay way_;
  std::unique_ptr<RestIngestClient> client_;
  const ChannelId id_{"PUBLIC", "T", "luge_test_0"};
};

// The fixture --------------------------------------------------------------------------------------------------------------

TEST(SnowflakeEmulator, keeps_its_data_and_ports_over_kill_9) {
  SnowflakeEmulator emulator;
  emulator.sql("CREATE TABLE KEPT (ID NUMBER(38,0), NAME VARCHAR); INSERT INTO KEPT VALUES (1, 'x'), (2, NULL)");
  const std::string url = emulator.url();
  emulator.kill();
  EXPECT_FALSE(emulator.running());
  emulator.start();
  EXPECT_EQ(emulator.url(), url);
  EXPECT_EQ(emulator.sql("SELECT ID, NAME FROM KEPT ORDER BY ID"), (std::vector<SnowflakeEmulator::Row>{{"1", "x"}, {"2", std::nullopt}}));
  EXPECT_EQ(emulator.cell("SELECT COUNT(*) FROM KEPT"), "2");
  emulator.fault({{"kind", "drop"}, {"path", "/rows$"}});
  EXPECT_EQ(emulator.look("faults").size(), 1U);
  emulator.calm();
  EXPECT_TRUE(emulator.look("faults").empty());
}

// The plain way ------------------------------------------------------------------------------------------------------------

TEST_F(RestEmulatorTest, rows_are_sent_committed_and_counted_over_http_and_https) {
  for (const bool https : {false, true}) {
    EmulatorWay way(https ? emulator_.https_url() : emulator_.url(), emulator_.private_key_file(), https ? emulator_.ca_file() : "");
    const auto client = way.client();
    const ChannelId id{"PUBLIC", "T", https ? "luge_https" : "luge_http"};
    const auto opened = client->open(id, seconds(1));
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->code, "SUCCESS");
    const EncodedRows rows = lines(1000, "ü\u00e9", https ? 10'000 : 0);
    EXPECT_EQ(client->append(id, rows, 0)->rows, 1000U);
    const ChannelStatus status = wait_committed(*client, id, rows);
    EXPECT_EQ(status.rows_inserted, 1000U);
    EXPECT_EQ(status.rows_error_count, 0U);
    EXPECT_TRUE(status.good());
  }
  EXPECT_EQ(count(), "2000 2000");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM T WHERE NAME = 'ü\u00e9'"), "2000");
  EXPECT_EQ(client_->statuses("PUBLIC", "T", {"luge_http", "luge_https", "stranger"})->size(), 2U);
  const auto appends = requests("/rows");
  ASSERT_EQ(appends.size(), 2U);
  EXPECT_EQ(appends[0].at("headers").at("content-encoding"), "zstd");
  EXPECT_EQ(appends[0].at("headers").at("x-snowflake-uncompressed-content-length"), std::to_string(lines(1000, "ü\u00e9").text.size()));
  EXPECT_EQ(appends[0].at("decoded_bytes"), lines(1000, "ü\u00e9").text.size());
  EXPECT_EQ(appends[0].at("headers").at("user-agent"), kStreamingUserAgent);
}

TEST_F(RestEmulatorTest, https_without_the_authority_is_refused) {
  SystemClock clock;
  NumberedTokens tokens("OAUTH");
  SeededRandom random(1);
  CurlClient http{CurlOptions{}};
  RestIngestClient client(http, std::make_shared<StreamingSession>(emulator_.https_url(), tokens, clock), "DB", clock, random, nullptr);
  const auto refused = client.open(id_, seconds(0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "tls");
}

TEST_F(RestEmulatorTest, a_chain_of_appends_keeps_order_and_loses_nothing) {
  open();
  EncodedRows last;
  for (std::uint64_t i = 0; i < 20; ++i) {
    last = lines(100, "x", i * 100);
    ASSERT_TRUE(send_all(*client_, id_, last));
  }
  EXPECT_EQ(wait_committed(*client_, id_, last).rows_inserted, 2000U);
  EXPECT_EQ(count(), "2000 2000");
}

TEST_F(RestEmulatorTest, names_in_any_case_and_with_any_sign) {
  emulator_.sql(R"(CREATE SCHEMA IF NOT EXISTS "Mixed Case"; CREATE OR REPLACE TABLE "Mixed Case"."ta""b/l e%:ü" (ID NUMBER(38,0), NAME VARCHAR))");
  const ChannelId id{"Mixed Case", "ta\"b/l e%:ü", "luge_a:b/c%41 ü_0"};
  const auto opened = client_->open(id, seconds(0));
  ASSERT_TRUE(opened) << opened.error().message();
  const EncodedRows rows = lines(3);
  ASSERT_TRUE(send_all(*client_, id, rows));
  EXPECT_EQ(wait_committed(*client_, id, rows).rows_inserted, 3U);
  EXPECT_EQ(emulator_.cell(R"(SELECT COUNT(*) FROM "Mixed Case"."ta""b/l e%:ü")"), "3");
  EXPECT_TRUE(client_->drop(id));
  EXPECT_TRUE(client_->statuses(id.schema, id.table, {id.channel})->empty());
}

TEST_F(RestEmulatorTest, rejected_rows_are_counted) {
  open();
  EncodedRows rows = lines(3);
  const std::string bad = "{\"ID\":\"secret\"}\n";
  rows.text.append(bad.data(), bad.size());
  rows.rows.push_back({rows.text.size(), position(3)});
  ASSERT_TRUE(send_all(*client_, id_, rows));
  const ChannelStatus status = wait_committed(*client_, id_, rows);
  EXPECT_EQ(status.rows_inserted, 3U);
  EXPECT_EQ(status.rows_error_count, 1U);
  EXPECT_EQ(status.last_error_token, offset_token(position(3)));
  EXPECT_FALSE(status.last_error_message.empty());
}

// Lost replies and passing failures ----------------------------------------------------------------------------------------

TEST_F(RestEmulatorTest, a_reply_lost_after_the_rows_were_taken_does_not_double_them) {
  open();
  for (std::uint64_t i = 0; i < 5; ++i) {
    const EncodedRows rows = lines(100, "x", i * 100);
    emulator_.fault({{"kind", "drop"}, {"path", "/rows$"}, {"after", i % 2 == 0}, {"count", 1 + i % 3}});
    int failures = 0;
    for (Status sent = send_all(*client_, id_, rows); !sent; sent = send_all(*client_, id_, rows)) {
      ASSERT_EQ(sent.error().recovery, Recovery::retry) << sent.error().message();
      EXPECT_EQ(sent.error().write_state, WriteState::unknown);
      ASSERT_LT(++failures, 10);
      std::this_thread::sleep_for(milliseconds(110));
    }
    EXPECT_GE(failures, static_cast<int>(i % 3));  // libcurl itself repeats once what a reused connection lost
  }
  EXPECT_EQ(wait_committed(*client_, id_, lines(500)).rows_inserted, 500U);
  EXPECT_EQ(count(), "500 500");
  std::set<std::string> ids;
  for (const Json& entry : requests("/rows")) ids.insert(entry.at("query").at("requestId"));
  EXPECT_EQ(ids.size(), 5U);
  EXPECT_EQ(requests("/rows").size(), 14U);  // nine were lost
}

TEST_F(RestEmulatorTest, passing_failures_of_the_server_are_for_the_same_request_again) {
  open();
  const EncodedRows rows = lines(100);
  for (const auto& [status, shape] : {std::pair{500, "bare"}, {503, "bare"}, {503, "json"}, {502, "text"}, {408, "json"}}) {
    emulator_.fault({{"kind", "status"}, {"path", "/rows$"}, {"status", status}, {"shape", shape}});
    const auto failed = client_->append(id_, rows, 0);
    ASSERT_FALSE(failed) << status;
    EXPECT_EQ(failed.error().code, "unavailable");
    EXPECT_EQ(failed.error().recovery, Recovery::retry);
    std::this_thread::sleep_for(milliseconds(110));
  }
  emulator_.fault({{"kind", "status"}, {"path", "/rows$"}, {"status", 429}});
  const auto limited = client_->append(id_, rows, 0);
  ASSERT_TRUE(limited) << limited.error().message();
  EXPECT_EQ(limited->rows, 0U);
  EXPECT_GT(limited->again_in, Duration(0));
  ASSERT_TRUE(send_all(*client_, id_, rows));
  wait_committed(*client_, id_, rows);
  EXPECT_EQ(count(), "100 100");
  const auto made = requests("/rows");
  ASSERT_EQ(made.size(), 7U);
  for (const Json& entry : made) {
    EXPECT_EQ(entry.at("query"), made[0].at("query"));
    EXPECT_EQ(entry.at("body_bytes"), made[0].at("body_bytes"));
  }
}

TEST_F(RestEmulatorTest, a_server_that_accepts_and_never_answers_is_asked_again) {
  client_ = way_.impatient_client(seconds(1));
  const auto hang = [&](const std::string& path) { emulator_.fault({{"kind", "hang"}, {"path", path}}); };
  const auto expect_timeout = [](const Error& error) {
    EXPECT_EQ(error.code, "timeout") << error.message();
    EXPECT_EQ(error.recovery, Recovery::retry);
    EXPECT_EQ(error.write_state, WriteState::unknown);
  };
  const EncodedRows rows = lines(100);
  hang("/channels/[^/]*$");
  const auto opened = client_->open(id_, seconds(0));
  ASSERT_FALSE(opened);
  expect_timeout(opened.error());
  open();
  hang("/rows$");
  const auto sent = client_->append(id_, rows, 0);
  ASSERT_FALSE(sent);
  expect_timeout(sent.error());
  ASSERT_TRUE(send_all(*client_, id_, rows));
  hang("bulk-channel-status$");
  const auto asked = client_->statuses(id_.schema, id_.table, {id_.channel});
  ASSERT_FALSE(asked);
  expect_timeout(asked.error());
  EXPECT_EQ(wait_committed(*client_, id_, rows).rows_inserted, 100U);
  EXPECT_EQ(count(), "100 100");
}

TEST_F(RestEmulatorTest, a_token_that_ends_in_the_middle_is_renewed_within_the_same_append) {
  open();
  for (std::uint64_t i = 0; i < 4; ++i) {
    emulator_.control("expire-tokens");
    const Status sent = send_all(*client_, id_, lines(50, "x", i * 50));
    ASSERT_TRUE(sent) << sent.error().message();
  }
  emulator_.control("expire-tokens");
  wait_committed(*client_, id_, lines(200));
  EXPECT_EQ(count(), "200 200");
  emulator_.fault({{"kind", "status"}, {"path", "/rows$"}, {"status", 401}, {"count", 2}});
  std::this_thread::sleep_for(milliseconds(110));
  const auto refused = client_->append(id_, lines(1, "x", 200), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "auth");
}

TEST_F(RestEmulatorTest, a_token_of_short_life_is_renewed_before_it_ends) {
  emulator_.control("settings", "POST", {{"token_lifetime_seconds", 2}});
  open();
  for (std::uint64_t i = 0; i < 25; ++i) {
    ASSERT_TRUE(send_all(*client_, id_, lines(1, "x", i)));
    std::this_thread::sleep_for(milliseconds(110));
  }
  emulator_.control("settings", "POST", {{"token_lifetime_seconds", 600}});
  for (const Json& entry : requests("/rows")) EXPECT_EQ(entry.at("status"), 200);
  EXPECT_GE(requests("/oauth/token").size(), 3U);
  EXPECT_LE(requests("/oauth/token").size(), 6U);
}

TEST_F(RestEmulatorTest, limits_are_kept_without_the_server_having_to_say_so) {
  emulator_.control("settings", "POST", {{"strict", true}});
  open();
  SeededRandom random(4);
  const EncodedRows many = lines(200'000, std::string(200, 'x'));  // 44 MB
  const auto begin = std::chrono::steady_clock::now();
  const Status sent = send_all(*client_, id_, many);
  const auto took = std::chrono::steady_clock::now() - begin;
  for (std::uint64_t i = 0; sent && i < 20; ++i) EXPECT_TRUE(send_all(*client_, id_, lines(1, "x", 200'000 + i)));
  emulator_.control("settings", "POST", {{"strict", false}});
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_GT(took, seconds(1));
  for (const Json& entry : requests("/rows")) EXPECT_EQ(entry.at("status"), 200);
  wait_committed(*client_, id_, lines(1, "x", 200'019));
  EXPECT_EQ(count(), "200020 200020");
}

TEST_F(RestEmulatorTest, bodies_stay_below_the_limit_and_shrink_when_the_server_takes_less) {
  open();
  SeededRandom random(4);
  EncodedRows rows = noisy_lines(12'000, 1000, random);
  ASSERT_TRUE(send_all(*client_, id_, rows));
  for (const Json& entry : requests("/rows")) EXPECT_LT(entry.at("body_bytes").get<std::size_t>(), 4'000'000U);
  EXPECT_LE(requests("/rows").size(), 4U);
  EXPECT_EQ(wait_committed(*client_, id_, rows).rows_inserted, 12'000U);

  emulator_.control("settings", "POST", {{"body_limit_bytes", 1'000'000}});
  const ChannelId other{"PUBLIC", "T", "luge_small"};
  ASSERT_TRUE(client_->open(other, seconds(0)));
  const Status sent = send_all(*client_, other, rows);
  emulator_.control("settings", "POST", {{"body_limit_bytes", 4 * 1024 * 1024}});
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_EQ(wait_committed(*client_, other, rows).rows_inserted, 12'000U);
}

// Channels that are lost ---------------------------------------------------------------------------------------------------

TEST_F(RestEmulatorTest, a_ghost_that_opens_the_channel_makes_it_invalid) {
  open();
  const EncodedRows rows = lines(300);
  const EncodedRows first = lines(100);
  ASSERT_TRUE(send_all(*client_, id_, first));
  wait_committed(*client_, id_, first);
  emulator_.control("reopen", "POST", {{"channel", id_.channel}});
  const Status fenced = send_all(*client_, id_, rows, 100);
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, "channel_invalid");
  recover(rows);
  EXPECT_EQ(count(), "300 300");
}

TEST_F(RestEmulatorTest, a_client_of_the_same_session_fences_another) {
  open();
  const auto second = way_.client();
  ASSERT_TRUE(second->open(id_, seconds(0)));
  EXPECT_EQ(send_all(*client_, id_, lines(1)).error().code, "channel_invalid");
  EXPECT_TRUE(send_all(*second, id_, lines(1)));
}

TEST_F(RestEmulatorTest, a_fail_over_wants_a_new_client) {
  open();
  const EncodedRows first = lines(100);
  ASSERT_TRUE(send_all(*client_, id_, first));
  wait_committed(*client_, id_, first);
  emulator_.fault({{"kind", "status"}, {"path", "/rows$"}, {"status", 410}});
  emulator_.control("invalidate");
  const Status gone = send_all(*client_, id_, lines(300), 100);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "client_invalid");
  client_ = way_.client();
  emulator_.control("requests", "DELETE");
  recover(lines(300));
  EXPECT_EQ(requests("/v2/streaming/hostname").size(), 1U);
  EXPECT_EQ(requests("/oauth/token").size(), 1U);
  EXPECT_EQ(count(), "300 300");
}

TEST_F(RestEmulatorTest, a_channel_that_the_server_forgot_is_opened_from_the_start) {
  open();
  ASSERT_TRUE(send_all(*client_, id_, lines(100)));
  wait_committed(*client_, id_, lines(100));
  emulator_.control("drop-channel", "POST", {{"channel", id_.channel}});
  EXPECT_TRUE(client_->statuses("PUBLIC", "T", {id_.channel})->empty());
  const Status lost = send_all(*client_, id_, lines(200), 100);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "channel_invalid");
  const auto status = client_->open(id_, seconds(0));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->committed_token, std::nullopt);  // only the caller's own record knows better
}

TEST_F(RestEmulatorTest, a_table_that_was_made_again_has_new_channels) {
  open();
  ASSERT_TRUE(send_all(*client_, id_, lines(100)));
  wait_committed(*client_, id_, lines(100));
  emulator_.sql("CREATE OR REPLACE TABLE T (ID NUMBER(38,0), NAME VARCHAR)");
  const Status lost = send_all(*client_, id_, lines(200), 100);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "channel_invalid");
  recover(lines(200));
  EXPECT_EQ(count(), "200 200");

  emulator_.sql("DROP TABLE T");
  std::this_thread::sleep_for(milliseconds(110));
  const auto missing = client_->append(id_, lines(1, "x", 200), 0);
  ASSERT_FALSE(missing);
  EXPECT_EQ(client_->open(id_, seconds(0)).error().code, "table_missing");
  EXPECT_EQ(client_->statuses("PUBLIC", "NOT_THERE", {id_.channel}).error().code, "table_missing");
  EXPECT_TRUE(client_->drop(id_));
}

TEST_F(RestEmulatorTest, what_another_opener_left_is_waited_for_and_then_thrown_away) {
  open();
  emulator_.control("hold");
  ASSERT_TRUE(send_all(*client_, id_, lines(100)));
  const auto second = way_.client();
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(300));
    emulator_.control("release");
  });
  const auto waited = second->open(id_, seconds(20));
  ASSERT_TRUE(waited) << waited.error().message();
  EXPECT_EQ(waited->committed_token, offset_token(position(99)));
  EXPECT_EQ(count(), "100 100");
  later.join();

  emulator_.control("hold");
  ASSERT_TRUE(send_all(*second, id_, lines(200), 100));
  const auto begin = std::chrono::steady_clock::now();
  const auto forced = client_->open(id_, milliseconds(400));
  ASSERT_TRUE(forced) << forced.error().message();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(400));
  EXPECT_EQ(forced->committed_token, offset_token(position(99)));
  ASSERT_TRUE(send_all(*client_, id_, lines(200), 100));
  emulator_.control("release");
  wait_committed(*client_, id_, lines(200));
  EXPECT_EQ(count(), "200 200");
}

TEST_F(RestEmulatorTest, an_opening_that_is_under_way_is_waited_for) {
  emulator_.fault({{"kind", "status"}, {"method", "PUT"}, {"path", "/channels/"}, {"status", 409}, {"count", 3}});
  const auto opened = client_->open(id_, seconds(20));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(requests("/channels/" + id_.channel).size(), 4U);
}

TEST(RestEmulator, a_server_that_was_killed_has_the_committed_token_and_nothing_else) {
  SnowflakeEmulator emulator;
  emulator.sql("CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR)");
  EmulatorWay way(emulator.url(), emulator.private_key_file());
  auto client = way.client();
  const ChannelId id{"PUBLIC", "T", "luge_test_0"};
  ASSERT_TRUE(client->open(id, seconds(0)));
  ASSERT_TRUE(send_all(*client, id, lines(100)));
  wait_committed(*client, id, lines(100));
  emulator.control("hold");
  const EncodedRows rows = lines(300);
  ASSERT_TRUE(send_all(*client, id, lines(200), 100));  // taken, and lost with the process
  emulator.kill();
  std::this_thread::sleep_for(milliseconds(110));
  const auto down = client->append(id, rows, 200);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().recovery, Recovery::retry) << down.error().message();
  emulator.start();
  const Status stale = send_all(*client, id, rows, 200);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, "channel_invalid") << stale.error().message();
  const auto opened = client->open(id, seconds(5));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->committed_token, offset_token(position(99)));
  ASSERT_TRUE(send_all(*client, id, rows, 100));
  wait_committed(*client, id, rows);
  EXPECT_EQ(emulator.cell("SELECT COUNT(*) || ' ' || COUNT(DISTINCT ID) FROM T"), "300 300");
}

TEST(RestEmulator, a_name_that_was_dropped_a_moment_ago_is_waited_for) {
  SnowflakeEmulator emulator({"--stale-pipe-cache", "700"});
  EmulatorWay way(emulator.url(), emulator.private_key_file());
  auto client = way.client();
  const ChannelId id{"PUBLIC", "T", "luge_test_0"};
  emulator.sql("CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR)");
  ASSERT_TRUE(client->open(id, seconds(0)));
  emulator.sql("DROP TABLE T; CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR)");
  EXPECT_EQ(client->open(id, seconds(0)).error().code, "stale_pipe_cache");
  const auto opened = client->open(id, seconds(20));
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_TRUE(send_all(*client, id, lines(3)));
  EXPECT_EQ(wait_committed(*client, id, lines(3)).rows_inserted, 3U);
}

TEST_F(RestEmulatorTest, clients_on_several_threads_share_one_host_and_one_token) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        CurlClient http{CurlOptions{}};
        SystemClock clock;
        SeededRandom random(static_cast<std::uint64_t>(i) + 1);
        const std::shared_ptr<StreamingSession> shared(&way_.session(), [](StreamingSession*) {});
        RestIngestClient client(http, shared, "DB", clock, random, [](Duration) { return true; });
        const ChannelId id{"PUBLIC", "T", "luge_thread_" + std::to_string(i)};
        EXPECT_TRUE(client.open(id, seconds(0)));
        EXPECT_TRUE(send_all(client, id, lines(100, "x", static_cast<std::uint64_t>(i) * 100)));
        wait_committed(client, id, lines(100, "x", static_cast<std::uint64_t>(i) * 100));
      });
    }
  }
  EXPECT_EQ(count(), "400 400");
  EXPECT_EQ(requests("/v2/streaming/hostname").size(), 1U);
  EXPECT_EQ(requests("/oauth/token").size(), 1U);
}

}  // namespace
}  // namespace luge
