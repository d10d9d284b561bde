#include "app/demo/demo.h"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <thread>

#include "app/demo/follower.h"
#include "app/demo/interruption.h"
#include "app/demo/private_server.h"
#include "app/demo/shop.h"
#include "app/demo/temporary_directory.h"
#include "app/option_table.h"
#include "app/option_value.h"
#include "app/server_checks.h"
#include "postgres/connection.h"

namespace luge {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kLoadBeforeKill = seconds(6);
constexpr auto kLoadAfterKill = seconds(5);
constexpr auto kPatience = seconds(60);

class Demo {
 public:
  explicit Demo(const Environment& environment) : environment_(environment) {}

  Result<ExitCode> run() {
    // They end in the other order: traffic, luge, server, directories.
    TRY(const auto server_directory, TemporaryDirectory::make("luge-demo-pg"));
    TRY(const auto mirror_directory, TemporaryDirectory::make("luge-demo"));
    directory_ = mirror_directory->path();
    TRY(const PrivateServer server, PrivateServer::start(server_directory->path(), environment_));
    const Ending luge_before_server{*this};
    TRY(const ConnectionOptions source, ConnectionOptions::parse(server.conninfo(), "demo"));
    TRY(source_, Connection::open(source));
    say(fmt::format("PostgreSQL {} of its own, wal_level=logical, in {}", version_text(source_->server_version()), server_directory->path()));
    TRY(const std::uint64_t rows, create_shop(*source_));
    say(fmt::format("a shop in it: customers, products, orders, order_lines; {} rows", format_count(rows)));
    CHECK_OK(find_mirror());

    CHECK_OK(follow(server.conninfo()));
    say(fmt::format("luge run --source … --to duckdb:shop.duckdb   (process {})", follower_->pid()));
    ShopTraffic traffic(source, 2);
    say("two writers place, change, return and delete orders meanwhile");
    CHECK_OK(wait_until_live());
    CHECK_OK(watch(kLoadBeforeKill));

    const std::uint64_t transactions_at_kill = traffic.transactions();
    const pid_t killed = follower_->pid();
    follower_->kill();
    say(fmt::format("kill -9 {}   in the middle of the load, after {} transactions", killed, format_count(transactions_at_kill)));
    std::this_thread::sleep_for(milliseconds(700));
    CHECK_OK(follow(server.conninfo()));
    say(fmt::format("luge run … again   (process {}); {} transactions were committed without it", follower_->pid(),
                    format_count(traffic.transactions() - transactions_at_kill)));
    CHECK_OK(wait_until_live());
    CHECK_OK(watch(kLoadAfterKill));

    traffic.stop();
    if (!traffic.failure().empty()) return fatal("demo", traffic.failure());
    say(fmt::format("the writers stop after {} transactions; luge verify", format_count(traffic.transactions())));
    TRY(const VerifyReport report, follower_->verify());
    std::printf("\n%s\n", to_text(report).c_str());
    const bool drained = follower_->stop();
    say(drained ? "SIGTERM: luge drained, acknowledged and exited 0" : "luge did not end well on SIGTERM: " + last_line(directory_ + "/luge.log"));
    source_.reset();
    if (report.exit_code() != ExitCode::done) return report.exit_code();
    if (!drained) return ExitCode::failed;
    std::printf("\nNow your own:  luge run --source postgres://USER@HOST/DATABASE --to duckdb:mirror.duckdb\n");
    return ExitCode::done;
  }

 private:
  struct Ending {
    Demo& demo;
    ~Ending() {
      demo.follower_.reset();
      demo.source_.reset();
    }
  };

  void say(const std::string& text) {
    std::printf("%5.1f s  %s\n", std::chrono::duration<double>(steady_clock::now() - start_).count(), text.c_str());
    std::fflush(stdout);
  }

  Status find_mirror() {
    Options options = default_options();
    options.destination = "duckdb:" + directory_ + "/shop.duckdb";
    TRY(places_, find_places(options, environment_));
    return ok();
  }

  Status follow(const std::string& conninfo) {
    TRY(Follower follower, Follower::start({{}, {"run", "--source", conninfo, "--to", places_.destination.text()}}, places_, directory_));
    follower_.emplace(std::move(follower));
    return check();
  }

  Status check() {
    if (interrupted()) return interruption();
    if (follower_ && !follower_->alive()) return fatal("demo", "luge ended by itself: " + last_line(directory_ + "/luge.log"));
    return ok();
  }

  Status wait_until_live() {
    const auto deadline = steady_clock::now() + kPatience;
    while (steady_clock::now() < deadline) {
      CHECK_OK(check());
      const auto status = follower_->status();
      if (status && status->state == "live" && status->tables.size() == 4) {
        bool live = true;
        for (const auto& table : status->tables) live = live && (table.state == "live" || table.state == "catching_up");
        if (live) return ok();
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
    return fatal("demo", "luge was not live within a minute: " + last_line(directory_ + "/luge.log"));
  }

  /// A line a second: rows of both sides, counted by each database itself, and the lag.
  Status watch(seconds how_long) {
    const std::string counts = "SELECT (SELECT count(*) FROM public.orders) + (SELECT count(*) FROM public.order_lines)";
    std::printf("\n          %14s  %14s  %10s  %10s\n", "source rows", "mirror rows", "lag", "changes");
    const auto end = steady_clock::now() + how_long;
    while (steady_clock::now() < end) {
      for (int i = 0; i < 10 && !interrupted(); ++i) std::this_thread::sleep_for(milliseconds(100));
      CHECK_OK(check());
      auto status = follower_->status();
      auto mirror_rows = follower_->ask(counts);
      TRY(const QueryResult source_rows, source_->query(counts));
      if (!mirror_rows) return mirror_rows.error();
      if (!status) return status.error();
      std::printf("          %14s  %14s  %10s  %10s\n", format_count(source_rows.number<std::uint64_t>(0, 0)).c_str(),
                  format_count(parse_count(*mirror_rows).value_or(0)).c_str(),
                  format_duration(Duration(static_cast<std::int64_t>(status->lag_seconds.value_or(0) * 1e6))).c_str(),
                  format_count(status->rows).c_str());
      std::fflush(stdout);
    }
    std::printf("\n");
    return ok();
  }

  const Environment& environment_;
  const steady_clock::time_point start_ = steady_clock::now();
  std::string directory_;
  PipelinePlaces places_;
  std::optional<Connection> source_;
  std::optional<Follower> follower_;
};

}  // namespace

Result<ExitCode> run_demo(const Environment& environment) {
  const InterruptScope interrupts;
  return Demo(environment).run();
}

}  // namespace luge
