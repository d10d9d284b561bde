#include "service/wal/wal_monitor.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "support/temp_postgres.h"

namespace luge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ConnectionOptions options() const {
    auto parsed = ConnectionOptions::parse("host=127.0.0.1 port=" + std::to_string(port_) + " dbname=x user=x connect_timeout=2", "test");
    EXPECT_TRUE(parsed);
    return *std::move(parsed);
  }

 private:
  int socket_;
  int port_ = 0;
};

/// Collects reports; waits for the one that a test is about.
class Reports {
 public:
  void take(const WalReport& report) {
    {
      const std::lock_guard lock(mutex_);
      reports_.push_back(report);
    }
    ready_.notify_all();
  }
  bool wait(const std::function<bool(const std::vector<WalReport>&)>& until) {
    std::unique_lock lock(mutex_);
    return ready_.wait_for(lock, seconds(20), [&] { return until(reports_); });
  }
  std::size_t count(std::string_view source) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(reports_, [&](const WalReport& report) { return report.source == source; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<WalReport> reports_;
};

WalMonitor::Options fast_options() {
  WalMonitor::Options options;
  options.schedule.tick = milliseconds(50);
  options.schedule.longest_tick = seconds(2);
  options.schedule.slow = milliseconds(500);
  options.schedule.queries = {200, 10};
  options.schedule.at_once = 2;
  return options;
}

class WalMonitorTest : public testing::Test {
 protected:
  WalMonitor::Listener listener() {
    return [this](const WalReport& report) { reports_.take(report); };
  }
  static std::vector<WalReport> of(const std::vector<WalReport>& all, std::string_view source) {
    std::vector<WalReport> some;
    for (const WalReport& report : all) {
      if (report.source == source) some.push_back(report);
    }
    return some;
  }

  SystemClock clock_;
  Reports reports_;
};

TEST_F(WalMonitorTest, reads_real_sources_with_one_query_a_tick) {
  TempPostgres server;
  server.run("SELECT pg_create_logical_replication_slot('app', 'pgoutput')");
  {
    WalMonitor monitor(fast_options(), clock_, listener());
    WalSource source;
    source.name = "orders";
    source.connection = server.options();
    source.connection.set("application_name", "wal monitor");
    source.limits.wal_size = {1, 0};
    monitor.watch(source);
    ASSERT_TRUE(reports_.wait([](const auto& all) { return all.size() >= 5; }));
    const auto now = monitor.reports();
    ASSERT_EQ(now.size(), 1U);
    ASSERT_TRUE(now[0].verdict);
    EXPECT_FALSE(now[0].error);
    EXPECT_EQ(now[0].verdict->level, WalLevel::warning) << "a byte is enough here";
    EXPECT_EQ(now[0].verdict->slots.at(0).name, "app");
    EXPECT_GE(now[0].verdict->wal_bytes, 16U << 20);
    EXPECT_EQ(server.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wal monitor'"), "1");
    // Other limits: the same session goes on.
    const std::string session = server.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'wal monitor'");
    source.limits.wal_size = {0, 1};
    monitor.watch(source);
    ASSERT_TRUE(reports_.wait([](const auto& all) { return all.back().verdict && all.back().verdict->level == WalLevel::danger; }));
    EXPECT_EQ(server.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'wal monitor'"), session);
    monitor.forget("orders");
    EXPECT_TRUE(monitor.reports().empty());
  }
  const std::size_t seen = reports_.count("orders");
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(reports_.count("orders"), seen);
}

TEST_F(WalMonitorTest, costs_one_statement_per_reading) {
  TempPostgres server(TempPostgres::Options{.settings = {"log_statement=all", "log_line_prefix=<%a> "}, .hba = {}});
  server.run("SELECT pg_create_logical_replication_slot(name, 'pgoutput') FROM (VALUES ('a'), ('b'), ('c')) slots (name)");
  std::uint64_t readings = 0;
  {
    WalMonitor monitor(fast_options(), clock_, listener());
    WalSource source;
    source.name = "orders";
    source.connection = server.options();
    source.connection.set("application_name", "wal monitor");
    monitor.watch(source);
    ASSERT_TRUE(reports_.wait([](const auto& all) { return all.size() >= 20; }));
    monitor.forget("orders");
  }
  readings = reports_.count("orders");
  std::ifstream log(server.directory() + "/server.log");
  std::uint64_t statements = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.starts_with("<wal monitor> LOG:  statement: SELECT f.")) ++statements;
  }
  EXPECT_GE(statements, readings);
  EXPECT_LE(statements, readings + 1) << "one may have been under way at the end";
}

TEST_F(WalMonitorTest, a_silent_source_backs_off_and_the_others_are_read_on) {
  const SilentServer silent;
  WalMonitor monitor(fast_options(), clock_, listener());
  WalSource source;
  source.name = "good";
  source.connection = TempPostgres::shared().options();
  monitor.watch(source);
  source.name = "silent";
  source.connection = silent.options();
  monitor.watch(source);
  ASSERT_TRUE(reports_.wait([](const auto& all) { return !of(all, "silent").empty(); }));
  EXPECT_GE(reports_.count("good"), 10U) << "while the other one was waited for";
  ASSERT_TRUE(reports_.wait([](const auto& all) { return of(all, "silent").back().error.has_value(); }));
  for (const WalReport& report : monitor.reports()) {
    if (report.source == "good") {
      EXPECT_FALSE(report.error);
      EXPECT_EQ(report.failures, 0U);
      EXPECT_EQ(report.interval, milliseconds(50));
    } else {
      EXPECT_EQ(report.error->code, "unreachable");
      EXPECT_GE(report.failures, 1U);
      EXPECT_FALSE(report.verdict);
    }
  }
}

TEST_F(WalMonitorTest, one_that_is_held_keeps_what_is_known_and_is_read_again_later) {
  WalMonitor monitor(fast_options(), clock_, listener());
  WalSource source;
  source.name = "a";
  source.connection = TempPostgres::shared().options();
  monitor.watch(source);
  ASSERT_TRUE(reports_.wait([](const auto& all) { return !all.empty() && all.back().verdict; }));
  monitor.hold("a", fatal("secret_unreadable", "the file is gone"));
  monitor.hold("never_seen", fatal("secret_unreadable", "there is no file"));
  std::this_thread::sleep_for(milliseconds(200));
  const std::size_t seen = reports_.count("a");
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(reports_.count("a"), seen) << "nobody reads it";
  const auto held = monitor.reports();
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held[0].error->code, "secret_unreadable");
  EXPECT_TRUE(held[0].verdict) << "the last one is still shown";
  EXPECT_EQ(held[1].error->code, "secret_unreadable");
  EXPECT_FALSE(held[1].verdict);
  monitor.watch(source);
  ASSERT_TRUE(reports_.wait([&](const auto& all) { return of(all, "a").size() > seen; }));
  EXPECT_FALSE(monitor.reports().at(0).error);
}

TEST_F(WalMonitorTest, a_restarted_server_is_found_again) {
  TempPostgres server;
  WalMonitor monitor(fast_options(), clock_, listener());
  WalSource source;
  source.name = "a";
  source.connection = server.options();
  monitor.watch(source);
  ASSERT_TRUE(reports_.wait([](const auto& all) { return !all.empty() && all.back().verdict; }));
  server.stop(TempPostgres::Stop::immediate);
  ASSERT_TRUE(reports_.wait([](const auto& all) { return all.back().error.has_value(); }));
  EXPECT_TRUE(monitor.reports().at(0).verdict) << "the last one is still shown";
  server.start();
  EXPECT_TRUE(reports_.wait([](const auto& all) { return !all.back().error; }));
}

TEST_F(WalMonitorTest, ends_at_once_while_it_waits_for_a_silent_source) {
  const SilentServer silent;
  auto monitor = std::make_unique<WalMonitor>(fast_options(), clock_, listener());
  for (int i = 0; i < 8; ++i) {
    WalSource source;
    source.name = "silent" + std::to_string(i);
    source.connection = silent.options();
    source.connection.set("connect_timeout", "60");
    monitor->watch(source);
  }
  std::this_thread::sleep_for(milliseconds(200));
  const auto begun = std::chrono::steady_clock::now();
  monitor.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(2));
}

}  // namespace
}  // namespace luge
