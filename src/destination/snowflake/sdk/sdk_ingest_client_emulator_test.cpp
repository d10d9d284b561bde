#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

#include "destination/snowflake/sdk/sdk_ingest_client.h"
#include "destination/snowflake/sdk/sdk_test_support.h"

namespace luge {
namespace {

class SdkIngest : public ::testing::Test {
 protected:
  static SnowflakeEmulator& emulator() { return SnowflakeEmulator::shared(); }

  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as luge does: servers are killed here
    emulator().sql("CREATE OR REPLACE TABLE SDK_T (ID NUMBER(38,0), NOTE VARCHAR)");
  }
  void TearDown() override { emulator().calm(); }

  static std::unique_ptr<SdkIngestClient> make_client() { return make_client(sdk_options(emulator())); }
  static std::unique_ptr<SdkIngestClient> make_client(const SnowflakeOptions& options) {
    auto made = SdkIngestClient::make(options, "luge_test");
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
  }
  /// count, distinct count, least and largest ID
  static std::string contents(const std::string& table = "SDK_T") {
    const auto row = emulator().sql("SELECT COUNT(*), COUNT(DISTINCT ID), MIN(ID), MAX(ID) FROM " + table).at(0);
    return row[0].value_or("-") + " " + row[1].value_or("-") + " " + row[2].value_or("-") + " " + row[3].value_or("-");
  }

  const ChannelId id_{"PUBLIC", "SDK_T", "c0"};
};

double seconds_of(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST_F(SdkIngest, open_append_commit_reopen_drop) {
  const auto client = make_client();
  ASSERT_TRUE(client);
  const auto opened = client->open(id_, std::chrono::seconds(2));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE(opened->good()) << opened->code;
  EXPECT_FALSE(opened->committed_token);

  EXPECT_EQ(*append_all(*client, id_, numbered_rows(1, 5000)), 5000U);
  ASSERT_TRUE(client->flush());
  const ChannelStatus committed = wait_committed(*client, id_, token_of(5000));
  EXPECT_EQ(committed.rows_inserted, 5000U);
  EXPECT_EQ(committed.rows_error_count, 0U);
  EXPECT_TRUE(committed.good());
  EXPECT_EQ(contents(), "5000 5000 1 5000");

  const auto reopened = client->open(id_, std::chrono::seconds(2));  // the same client: the SDK would say ChannelAlreadyExists
  ASSERT_TRUE(reopened) << reopened.error().message();
  EXPECT_EQ(reopened->committed_token, token_of(5000));
  EXPECT_EQ(*append_all(*client, id_, numbered_rows(1, 5100), 5000), 100U);
  ASSERT_TRUE(client->flush());
  EXPECT_EQ(wait_committed(*client, id_, token_of(5100)).rows_inserted, 5100U);
  EXPECT_EQ(contents(), "5100 5100 1 5100");

  const auto some = client->statuses("PUBLIC", "SDK_T", {"c0", "nobody"});
  ASSERT_TRUE(some) << some.error().message();
  EXPECT_EQ(some->size(), 1U) << "a channel that does not exist is left out";
  ASSERT_TRUE(client->drop(id_));
  ASSERT_TRUE(client->drop(id_)) << "it is gone, as asked";
  EXPECT_EQ(client->append(id_, numbered_rows(1, 1), 0).error().code, "channel_invalid");
  EXPECT_FALSE(client->open(id_, std::chrono::seconds(2))->committed_token);
}

// The SDK's private call is made where it is known; what arrives must be what its public one makes of the same rows.
TEST_F(SdkIngest, lines_and_rows_one_by_one_are_the_same) {
  EncodedRows rows;
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    const std::string line = "{\"ID\":" + std::to_string(id) + ",\"NOTE\":\"" + (id % 2 == 0 ? R"(\u00fc \\ \" \n)" : "Zürich 雪") + "\"}\n";
    rows.text.append(line.data(), line.size());
    rows.rows.push_back({rows.text.size(), Position{1, Lsn(100), id}});
  }
  std::vector<std::string> found;
  for (const PythonRows way : {PythonRows::by_version, PythonRows::one_by_one}) {
    emulator().sql("CREATE OR REPLACE TABLE SDK_T (ID NUMBER(38,0), NOTE VARCHAR)");
    const auto client = SdkIngestClient::make(sdk_options(emulator()), "luge_test", way);
    ASSERT_TRUE(client) << client.error().message();
    ASSERT_TRUE((*client)->open(id_, std::chrono::seconds(2)));
    EXPECT_EQ(*append_all(**client, id_, rows), 3000U);
    ASSERT_TRUE((*client)->flush());
    EXPECT_EQ(wait_committed(**client, id_, token_of(3000)).rows_inserted, 3000U);
    for (const auto& row : emulator().sql("SELECT COUNT(*), COUNT(DISTINCT ID), HASH_AGG(ID, NOTE), MIN(NOTE), MAX(NOTE) FROM SDK_T")) {
      for (const auto& value : row) found.push_back(value.value_or("-"));
    }
  }
  ASSERT_EQ(found.size(), 10U);
  EXPECT_EQ(std::vector(found.begin(), found.begin() + 5), std::vector(found.begin() + 5, found.end()));
  EXPECT_EQ(found[3], "Zürich 雪");
  EXPECT_EQ(found[4], "ü \\ \" \n");
}

TEST_F(SdkIngest, a_ghost_fences_and_nothing_is_lost_or_doubled) {
  const auto client = make_client();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  const EncodedRows rows = numbered_rows(1, 3000);
  ASSERT_TRUE(append_all(*client, id_, rows));
  ASSERT_TRUE(client->flush());
  wait_committed(*client, id_, token_of(3000));

  emulator().control("reopen", "POST", {{"channel", "c0"}});
  const EncodedRows more = numbered_rows(3001, 1000);
  (void)append_all(*client, id_, more);
  const Status flushed = client->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, "channel_invalid");
  const auto refused = client->append(id_, more, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "channel_invalid") << refused.error().message();
  int reopened = 0;
  EXPECT_TRUE(deliver(*client, id_, more, reopened));
  EXPECT_EQ(contents(), "4000 4000 1 4000");
}

TEST_F(SdkIngest, a_recreated_table_starts_from_nothing_and_no_old_token_is_told) {
  const auto client = make_client();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  const EncodedRows rows = numbered_rows(1, 2000);
  ASSERT_TRUE(append_all(*client, id_, rows));
  ASSERT_TRUE(client->flush());
  wait_committed(*client, id_, token_of(2000));

  emulator().sql("CREATE OR REPLACE TABLE SDK_T (ID NUMBER(38,0), NOTE VARCHAR)");
  const auto opened = client->open(id_, std::chrono::seconds(1));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_FALSE(opened->committed_token);
  const auto status = client->statuses("PUBLIC", "SDK_T", {"c0"});  // the SDK's cache still has the dropped channel
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_FALSE(status->at("c0").committed_token);
  EXPECT_EQ(status->at("c0").rows_inserted, 0U);

  emulator().sql("CREATE OR REPLACE TABLE SDK_T (ID NUMBER(38,0), NOTE VARCHAR)");
  int reopened = 0;
  ASSERT_TRUE(append_all(*client, id_, rows) || true);
  EXPECT_EQ(client->flush().error().code, "channel_invalid");
  EXPECT_TRUE(deliver(*client, id_, rows, reopened));
  EXPECT_EQ(contents(), "2000 2000 1 2000");
}

TEST_F(SdkIngest, a_missing_table_is_told_as_such) {
  const auto client = make_client();
  const auto opened = client->open({"PUBLIC", "SDK_NOT_THERE", "c0"}, std::chrono::seconds(1));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "table_missing") << opened.error().message();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  emulator().sql("DROP TABLE SDK_T");
  EXPECT_EQ(client->open(id_, std::chrono::seconds(1)).error().code, "table_missing");
  EXPECT_TRUE(client->drop(id_));
}

TEST_F(SdkIngest, back_pressure_takes_nothing_and_names_a_growing_pause) {
  const auto client = make_client();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  emulator().fault({{"kind", "latency"}, {"seconds", 1.5}, {"path", "/rows$"}, {"count", 1000}});
  const EncodedRows rows = numbered_rows(1, 60'000, 1000);  // 61 MB; 32 may be in flight
  std::size_t taken = 0;
  std::vector<std::int64_t> pauses;
  while (pauses.size() < 12) {
    const auto appended = client->append(id_, rows, taken);
    ASSERT_TRUE(appended) << appended.error().message();
    taken += appended->rows;
    if (appended->rows == 0) {
      pauses.push_back(appended->again_in.count());
      std::this_thread::sleep_for(appended->again_in);
    } else {
      pauses.clear();
    }
    ASSERT_LT(taken, rows.rows.size()) << "no back-pressure";
  }
  EXPECT_LE(pauses.front(), 3000);  // 2000, if it was not met in the middle of a call
  EXPECT_EQ(pauses[1], pauses.front() * 3 / 2);
  EXPECT_EQ(pauses.back(), 50'000);
  emulator().calm();
  ASSERT_TRUE(append_all(*client, id_, rows, taken));
  ASSERT_TRUE(client->flush());
  wait_committed(*client, id_, token_of(60'000));
  EXPECT_EQ(contents(), "60000 60000 1 60000");
}

TEST_F(SdkIngest, gets_through_429_503_and_a_lost_reply) {
  emulator().fault({{"kind", "status"}, {"status", 429}, {"path", "/rows$"}});
  emulator().fault({{"kind", "drop"}, {"path", "/rows$"}});
  emulator().fault({{"kind", "status"}, {"status", 503}, {"shape", "bare"}, {"path", "/rows$"}});
  const auto client = make_client();
  int reopened = 0;
  EXPECT_TRUE(deliver(*client, id_, numbered_rows(1, 40'000, 300), reopened));
  EXPECT_EQ(reopened, 0) << "the SDK's own retries are enough";
  EXPECT_EQ(contents(), "40000 40000 1 40000");
  for (const auto& fault : emulator().look("faults")) EXPECT_EQ(fault.at("hits"), 1) << fault.dump();
}

TEST_F(SdkIngest, kill_9_of_the_server_loses_and_doubles_nothing) {
  const auto client = make_client();
  const EncodedRows rows = numbered_rows(1, 60'000, 200);
  int reopened = 0;
  for (int kills = 0; kills < 3; ++kills) {
    auto opened = client->open(id_, std::chrono::seconds(1));
    for (int tries = 0; !opened && tries < 10; ++tries) opened = client->open(id_, std::chrono::seconds(1));
    ASSERT_TRUE(opened) << opened.error().message();
    (void)append_all(*client, id_, rows, first_behind(opened->committed_token, rows));
    emulator().kill();
    emulator().start();
  }
  EXPECT_TRUE(deliver(*client, id_, rows, reopened));
  EXPECT_EQ(contents(), "60000 60000 1 60000");
}

TEST_F(SdkIngest, a_fail_over_needs_a_new_client_and_gets_one) {
  const auto client = make_client();
  const EncodedRows rows = numbered_rows(1, 1000);
  int reopened = 0;
  ASSERT_TRUE(deliver(*client, id_, rows, reopened));
  emulator().fault({{"kind", "status"}, {"status", 410}, {"path", "/rows$"}});
  const EncodedRows more = numbered_rows(1001, 1000);
  ASSERT_TRUE(append_all(*client, id_, more));
  const Status flushed = client->flush();
  ASSERT_FALSE(flushed);
  EXPECT_TRUE(flushed.error().code == "channel_invalid" || flushed.error().code == "client_invalid") << flushed.error().message();
  const auto opened = client->open(id_, std::chrono::seconds(1));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "client_invalid") << opened.error().message();
  EXPECT_EQ(opened.error().recovery, Recovery::reconnect);
  EXPECT_TRUE(deliver(*client, id_, more, reopened));
  EXPECT_EQ(contents(), "2000 2000 1 2000");
}

TEST_F(SdkIngest, opening_waits_for_uncommitted_rows_but_not_for_ever) {
  const auto old = make_client(), young = make_client();
  ASSERT_TRUE(old->open(id_, std::chrono::seconds(1)));
  ASSERT_TRUE(append_all(*old, id_, numbered_rows(1, 100)));
  ASSERT_TRUE(old->flush());
  wait_committed(*old, id_, token_of(100));
  emulator().control("hold");
  ASSERT_TRUE(append_all(*old, id_, numbered_rows(101, 100)));
  ASSERT_TRUE(old->flush());
  Result<ChannelStatus> opened = ChannelStatus{};
  const double took = seconds_of([&] { opened = young->open(id_, std::chrono::seconds(2)); });
  emulator().control("release");
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->committed_token, token_of(100));
  EXPECT_GT(took, 1.5);
  EXPECT_LT(took, 6);
}

TEST_F(SdkIngest, a_row_error_is_counted_and_located) {
  const auto client = make_client();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  EncodedRows rows = numbered_rows(1, 3);
  const std::string bad = "{\"ID\":\"not a number\"}\n";
  rows.text.append(bad.data(), bad.size());
  rows.rows.push_back({rows.text.size(), Position{1, Lsn(100), 4}});
  ASSERT_TRUE(append_all(*client, id_, rows));
  ASSERT_TRUE(client->flush());
  const ChannelStatus status = wait_committed(*client, id_, token_of(4));
  EXPECT_EQ(status.rows_inserted, 3U);
  EXPECT_EQ(status.rows_error_count, 1U);
  EXPECT_EQ(status.last_error_token, token_of(4));
}

TEST_F(SdkIngest, large_rows) {
  const auto client = make_client();
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  EncodedRows rows = numbered_rows(1, 2, 6'000'000);  // compresses to little
  ASSERT_TRUE(append_all(*client, id_, rows));
  ASSERT_TRUE(client->flush());
  wait_committed(*client, id_, token_of(2));
  EXPECT_EQ(emulator().cell("SELECT SUM(LENGTH(NOTE)) FROM SDK_T"), "12000000");

  std::mt19937 random(1);
  std::string noise;
  while (noise.size() < 6'000'000) noise += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random() & 63];
  const std::string line = "{\"ID\":3,\"NOTE\":\"" + noise + "\"}\n";
  EncodedRows large;
  large.text.append(line.data(), line.size());
  large.rows.push_back({large.text.size(), Position{1, Lsn(100), 3}});
  const auto refused = client->append(id_, large, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "row_too_large");
  EXPECT_TRUE(append_all(*client, id_, numbered_rows(4, 1))) << "the channel is as good as before";
  EXPECT_TRUE(client->flush());
}

TEST_F(SdkIngest, names_that_need_quotes) {
  emulator().sql("CREATE SCHEMA IF NOT EXISTS \"My Schema\"; CREATE OR REPLACE TABLE \"My Schema\".\"my \"\"t\" (ID NUMBER(38,0), NOTE VARCHAR)");
  const auto client = make_client();
  int reopened = 0;
  EXPECT_TRUE(deliver(*client, {"My Schema", "my \"t", "luge_x_1_e1_a0_g0_0"}, numbered_rows(1, 10), reopened));
  EXPECT_EQ(contents("\"My Schema\".\"my \"\"t\""), "10 10 1 10");
}

TEST_F(SdkIngest, four_clients_on_four_threads) {
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> actors;
    for (std::uint64_t actor = 0; actor < 4; ++actor) {
      actors.emplace_back([&, actor] {
        const auto client = make_client();
        int reopened = 0;
        const ChannelId id{"PUBLIC", "SDK_T", "thread" + std::to_string(actor)};
        good += client && deliver(*client, id, numbered_rows(actor * 20'000 + 1, 20'000, 200), reopened) && reopened == 0;
      });
    }
  }
  EXPECT_EQ(good, 4);
  EXPECT_EQ(contents(), "80000 80000 1 80000");
}

TEST_F(SdkIngest, what_cannot_be_reached_or_trusted_is_told_within_seconds) {
  const auto code_of = [&](const SnowflakeOptions& options) {
    const auto client = make_client(options);
    const auto opened = client->open(id_, std::chrono::seconds(1));
    EXPECT_FALSE(opened);
    EXPECT_EQ(opened.error().message().find("BEGIN PRIVATE KEY"), std::string::npos);
    EXPECT_FALSE(opened.error().hint.empty());
    return opened.error().code;
  };
  SnowflakeOptions options = sdk_options(emulator());
  const double took = seconds_of([&] {
    options.url = "https://localhost:1";
    EXPECT_EQ(code_of(options), "unreachable");
    options.url = "https://no-such-account.invalid";
    EXPECT_EQ(code_of(options), "unresolved");
    const SnowflakeEmulator stranger;  // with an authority of its own
    options.url = stranger.https_url();
    EXPECT_EQ(code_of(options), "tls");
    options = sdk_options(emulator());
    options.private_key_file = stranger.private_key_file();
    EXPECT_EQ(code_of(options), "auth");
  });
  EXPECT_LT(took, 40);
}

TEST_F(SdkIngest, standard_output_stays_luges) {
  testing::internal::CaptureStdout();
  {
    const auto client = make_client();
    EXPECT_TRUE(client->open(id_, std::chrono::seconds(1)));
    emulator().fault({{"kind", "status"}, {"status", 400}, {"path", "/rows$"}});
    EXPECT_TRUE(append_all(*client, id_, numbered_rows(1, 10)));
    EXPECT_FALSE(client->flush());
  }
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

SnowflakeOptions oauth_options(const SnowflakeEmulator& emulator) {
  SnowflakeOptions options = sdk_options(emulator);
  options.private_key_file.clear();
  options.role = "SDK_BY_OAUTH";
  options.oauth_client_id = emulator.oauth_client_id();
  options.oauth_client_secret = emulator.oauth_client_secret();
  options.oauth_refresh_token = emulator.oauth_refresh_token();
  return options;
}

TEST_F(SdkIngest, an_oauth_client_signs_in_with_its_refresh_token_or_as_itself) {
  emulator().control("requests", "DELETE");
  SnowflakeOptions as_itself = oauth_options(emulator());
  as_itself.oauth_refresh_token.clear();
  as_itself.oauth_token_endpoint = emulator().https_url() + "/oauth/token-request";
  as_itself.user.clear();
  std::uint64_t first = 1;
  for (const SnowflakeOptions& options : {oauth_options(emulator()), as_itself}) {
    const auto client = make_client(options);
    int reopened = 0;
    EXPECT_TRUE(deliver(*client, {"PUBLIC", "SDK_T", "oauth" + std::to_string(first)}, numbered_rows(first, 1000), reopened));
    EXPECT_EQ(reopened, 0);
    first += 1000;
  }
  EXPECT_EQ(contents(), "2000 2000 1 2000");
  std::string grants;
  for (const auto& entry : emulator().look("requests")) {
    if (entry.at("path") == "/oauth/token-request") grants += entry.at("grant_type").get<std::string>() + " ";
  }
  EXPECT_EQ(grants, "refresh_token client_credentials ");
}

TEST_F(SdkIngest, an_oauth_client_outlives_its_access_tokens) {
  emulator().control("settings", "POST", {{"token_lifetime_seconds", 6}});
  const auto client = make_client(oauth_options(emulator()));
  ASSERT_TRUE(client->open(id_, std::chrono::seconds(1)));
  std::uint64_t rows = 0;
  int failures = 0;
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15); std::chrono::steady_clock::now() < end;) {
    const EncodedRows more = numbered_rows(rows + 1, 100);
    rows += 100;
    const Status flushed = append_all(*client, id_, more) ? client->flush() : fatal("refused", "");
    failures += !flushed;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  emulator().control("settings", "POST", {{"token_lifetime_seconds", 600}});
  EXPECT_EQ(failures, 0);
  wait_committed(*client, id_, token_of(rows));
  EXPECT_EQ(contents(), std::to_string(rows) + " " + std::to_string(rows) + " 1 " + std::to_string(rows));
}

TEST_F(SdkIngest, an_oauth_client_that_is_refused_is_told_without_its_secret) {
  SnowflakeOptions options = oauth_options(emulator());
  options.oauth_client_secret = "not-the-secret";
  const auto client = make_client(options);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto opened = client->open(id_, std::chrono::seconds(1));
  const std::string said = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "auth") << opened.error().message();
  for (const std::string& text : {said, opened.error().message()}) {
    EXPECT_EQ(text.find("not-the-secret"), std::string::npos);
    EXPECT_EQ(text.find(emulator().oauth_refresh_token()), std::string::npos);
  }
}

/// In a process of its own, because a process has one Python.
class SdkProcess : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  /// Ends the process with what making a client says.
  [[noreturn]] static void make_and_exit(const std::string& python) {
    SnowflakeOptions options;
    options.url = "https://localhost:1";
    options.pat = "x";
    options.python = python;
    const auto made = SdkIngestClient::make(options, "luge_test");
    std::fprintf(stderr, "%s\n", made ? "made" : made.error().message().c_str());
    std::exit(0);
  }
};

TEST_F(SdkProcess, without_python_or_sdk) {
  EXPECT_EXIT(make_and_exit("/no/such/python"), testing::ExitedWithCode(0), "python_missing.*-m venv.*transport: rest");
  EXPECT_EXIT(make_and_exit(LUGE_DEPS "/emulator-venv/bin/python"), testing::ExitedWithCode(0), "sdk_missing.*pip install snowpipe-streaming");
  EXPECT_EXIT(make_and_exit(LUGE_DEPS "/sdk-1.4.0-venv/bin/python"), testing::ExitedWithCode(0), "sdk_too_old");
}

TEST_F(SdkProcess, another_pythons_environment_is_refused) {
  const std::string python = "/tmp/luge_other_python_" + std::to_string(::getpid());
  std::ofstream(python) << "#!/bin/sh\necho '{\"executable\": \"/p\", \"version\": \"3.8.99\", \"kind\": \"CPython\", \"sdk\": \"1.9.1\"}'\n";
  ::chmod(python.c_str(), 0700);
  EXPECT_EXIT(make_and_exit(python), testing::ExitedWithCode(0), "/p is Python 3.8.99, and luge's Python bridge is linked with Python 3");
  ::unlink(python.c_str());
}

TEST_F(SdkProcess, signals_stay_luges) {
  const auto compare = [] {
    constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGSEGV, SIGABRT};
    std::vector<void (*)(int)> before, after;
    const auto look = [&](std::vector<void (*)(int)>& into) {
      for (const int number : kSignals) {
        struct sigaction action {};
        ::sigaction(number, nullptr, &action);
        into.push_back(action.sa_handler);
      }
    };
    look(before);
    SnowflakeOptions options;
    options.url = "https://localhost:1";
    options.pat = "x";
    options.python = sdk_python();
    const auto made = SdkIngestClient::make(options, "luge_test");
    if (!made || (*made)->open({"S", "T", "c"}, std::chrono::seconds(1))) std::exit(2);
    look(after);
    std::exit(before == after ? 0 : 1);
  };
  EXPECT_EXIT(compare(), testing::ExitedWithCode(0), "");
}

TEST_F(SdkProcess, ends_at_once_with_a_client_still_open_and_unsent_rows) {
  const auto leave = [] {
    const SnowflakeEmulator emulator;
    emulator.sql("CREATE TABLE SDK_T (ID NUMBER(38,0), NOTE VARCHAR)");
    auto made = SdkIngestClient::make(sdk_options(emulator), "luge_test");
    const ChannelId id{"PUBLIC", "SDK_T", "c0"};
    if (!made || !(*made)->open(id, std::chrono::seconds(1))) std::exit(1);
    emulator.fault({{"kind", "hang"}, {"path", "/rows$"}, {"count", 100}});
    if (!append_all(**made, id, numbered_rows(1, 1000))) std::exit(2);
    made->release();  // never destroyed
    std::exit(0);
  };
  const double took = seconds_of([&] { EXPECT_EXIT(leave(), testing::ExitedWithCode(0), ""); });
  EXPECT_LT(took, 20);
}

}  // namespace
}  // namespace luge
