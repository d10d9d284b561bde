#include "app/demo/snowflake_demo.h"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <thread>

#include "app/demo/emulator_process.h"
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

constexpr auto kEachLoadBeforeKill = seconds(3);
constexpr auto kEachLoadAfterKill = seconds(2);
constexpr auto kCatchUpPatience = seconds(60);
constexpr const char* kDatabases[] = {"REST", "SDK"};

/// Asked of both databases in the same words.
constexpr std::pair<const char*, const char*> kSums[] = {
    {"customers", "SELECT COUNT(*), SUM(id), COUNT(email) FROM public.customers"},
    {"products", "SELECT COUNT(*), SUM(stock), SUM(price) FROM public.products"},
    {"orders", "SELECT COUNT(*), SUM(total), SUM(LENGTH(note)) FROM public.orders"},
    {"order_lines", "SELECT COUNT(*), SUM(order_id * line), SUM(product) FROM public.order_lines"},
};

class SnowflakeDemo {
 public:
  SnowflakeDemo(std::string emulator_program, const Environment& environment)
      : emulator_program_(std::move(emulator_program)), environment_(environment) {}

  Result<ExitCode> run() {
    // They end in the other order: luge, emulator, server, directories.
    TRY(const auto server_directory, TemporaryDirectory::make("luge-demo-pg"));
    TRY(const auto emulator_directory, TemporaryDirectory::make("luge-demo-snowflake"));
    TRY(const auto luge_directory, TemporaryDirectory::make("luge-demo"));
    directory_ = luge_directory->path();
    TRY(const PrivateServer server, PrivateServer::start(server_directory->path(), environment_));
    TRY(EmulatorProcess emulator, EmulatorProcess::start(emulator_program_, emulator_directory->path(), {kDatabases[0], kDatabases[1]}));
    emulator_.emplace(std::move(emulator));
    const Ending luge_before_the_others{*this};
    conninfo_ = server.conninfo();
    TRY(const ConnectionOptions source, ConnectionOptions::parse(conninfo_, "demo"));
    TRY(source_, Connection::open(source));
    say(fmt::format("PostgreSQL {} of its own, wal_level=logical; a Snowflake emulator at http://127.0.0.1:{}",
                    version_text(source_->server_version()), emulator_->http_port()));
    TRY(const std::uint64_t rows, create_shop(*source_));
    say(fmt::format("a shop in it: customers, products, orders, order_lines; {} rows", format_count(rows)));
    TRY(const ExitCode over_rest, replicate("rest", "REST", source));
    if (over_rest != ExitCode::done) return over_rest;
    TRY(const ExitCode through_sdk, replicate("sdk", "SDK", source));
    if (through_sdk != ExitCode::done) return through_sdk;
    std::printf("\nNow your own account:  luge snowflake init --account MYORG-MYACCOUNT\n");
    return ExitCode::done;
  }

 private:
  struct Ending {
    SnowflakeDemo& demo;
    ~Ending() {
      demo.follower_.reset();
      demo.source_.reset();
      demo.emulator_.reset();
    }
  };

  Result<ExitCode> replicate(const std::string& transport, const std::string& database, const ConnectionOptions& source) {
    CHECK_OK(find_pipeline(transport, database));
    CHECK_OK(follow({}));
    std::printf("\n");
    say(fmt::format("luge run --source … --to snowflake: --config luge.yaml   # transport: {}   (process {})", transport, follower_->pid()));
    ShopTraffic traffic(source, 2);
    say("two writers place, change, return and delete orders meanwhile");
    CHECK_OK(wait_until_live());
    CHECK_OK(watch(kEachLoadBeforeKill));

    const std::uint64_t transactions_at_kill = traffic.transactions();
    const pid_t killed = follower_->pid();
    follower_->kill();
    say(fmt::format("kill -9 {}   in the middle of the load, after {} transactions", killed, format_count(transactions_at_kill)));
    std::this_thread::sleep_for(milliseconds(700));
    CHECK_OK(follow({}));
    say(fmt::format("luge run … again   (process {}); {} transactions were committed without it", follower_->pid(),
                    format_count(traffic.transactions() - transactions_at_kill)));
    CHECK_OK(wait_until_live());
    CHECK_OK(watch(kEachLoadAfterKill));

    traffic.stop();
    if (!traffic.failure().empty()) return fatal("demo", traffic.failure());
    if (!follower_->stop()) return fatal("demo", "luge did not end well on SIGTERM: " + last_line(log_path()));
    say(fmt::format("the writers stop after {} transactions; luge run --until caught-up", format_count(traffic.transactions())));
    CHECK_OK(follow({"--until", "caught-up"}));
    if (!follower_->finish(kCatchUpPatience)) return fatal("demo", "luge did not catch up: " + last_line(log_path()));
    TRY(const bool same, compare_sums(database));
    if (!same) return ExitCode::difference;

    CHECK_OK(follow({}));
    CHECK_OK(wait_until_live());
    say("luge verify");
    TRY(const VerifyReport report, follower_->verify());
    std::printf("\n%s\n", to_text(report).c_str());
    if (!follower_->stop()) return fatal("demo", "luge did not end well on SIGTERM: " + last_line(log_path()));
    follower_.reset();
    return report.exit_code();
  }

  void say(const std::string& text) {
    std::printf("%5.1f s  %s\n", std::chrono::duration<double>(steady_clock::now() - start_).count(), text.c_str());
    std::fflush(stdout);
  }

  std::string log_path() const { return directory_ + "/luge.log"; }
  std::string state_home() const { return directory_ + "/state"; }

  Status find_pipeline(const std::string& transport, const std::string& database) {
    Options options = default_options();
    options.destination = "snowflake:";
    options.pipeline = "demo_" + transport;
    const Environment there = [this](const std::string& name) { return name == "XDG_STATE_HOME" ? std::optional(state_home()) : environment_(name); };
    TRY(places_, find_places(options, there));
    config_ = directory_ + "/" + transport + ".yaml";
    std::ofstream file(config_);
    file << "pipeline: " << options.pipeline << "\n" << emulator_->config(transport, database);
    file.close();
    return file ? ok() : Status(fatal("demo", "cannot write " + config_));
  }

  Status follow(const std::vector<std::string>& more) {
    Follower::Command command{{"XDG_STATE_HOME=" + state_home()}, {"run", "--source", conninfo_, "--to", "snowflake:", "--config", config_}};
    command.words.insert(command.words.end(), more.begin(), more.end());
    TRY(Follower follower, Follower::start(command, places_, directory_));
    follower_.emplace(std::move(follower));
    return check();
  }

  Status check() {
    if (interrupted()) return interruption();
    if (follower_ && !follower_->alive()) return fatal("demo", "luge ended by itself: " + last_line(log_path()));
    return ok();
  }

  Status wait_until_live() {
    const auto deadline = steady_clock::now() + kCatchUpPatience;
    while (steady_clock::now() < deadline) {
      CHECK_OK(check());
      const auto status = follower_->status();
      if (status && status->state == "live" && status->tables.size() == std::size(kSums)) {
        bool live = true;
        for (const auto& table : status->tables) live = live && (table.state == "live" || table.state == "catching_up");
        if (live) return ok();
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
    return fatal("demo", "luge was not live within a minute: " + last_line(log_path()));
  }

  /// A line a second: rows of both sides, counted by each database itself, and the lag. Snowflake's side is behind by a MERGE.
  Status watch(seconds how_long) {
    const std::string counts = "SELECT (SELECT COUNT(*) FROM public.orders) + (SELECT COUNT(*) FROM public.order_lines)";
    std::printf("\n          %14s  %14s  %10s  %10s\n", "source rows", "Snowflake", "lag", "changes");
    const auto end = steady_clock::now() + how_long;
    while (steady_clock::now() < end) {
      for (int i = 0; i < 10 && !interrupted(); ++i) std::this_thread::sleep_for(milliseconds(100));
      CHECK_OK(check());
      TRY(const auto status, follower_->status());
      TRY(const std::string mirror_rows, follower_->ask(counts));
      TRY(const QueryResult source_rows, source_->query(counts));
      std::printf("          %14s  %14s  %10s  %10s\n", format_count(source_rows.number<std::uint64_t>(0, 0)).c_str(),
                  format_count(parse_count(mirror_rows).value_or(0)).c_str(),
                  format_duration(Duration(static_cast<std::int64_t>(status.lag_seconds.value_or(0) * 1e6))).c_str(),
                  format_count(status.rows).c_str());
      std::fflush(stdout);
    }
    std::printf("\n");
    return ok();
  }

  /// Counts and sums, by each database itself: nothing of luge has a part in it.
  Result<bool> compare_sums(const std::string& database) {
    bool all_same = true;
    std::string said;
    for (const auto& [table, sql] : kSums) {
      TRY(const QueryResult here, source_->query(sql));
      TRY(const auto there, emulator_->run(database, sql));
      bool same = here.columns() == there.size();
      for (std::size_t i = 0; same && i < there.size(); ++i) same = here.text(0, i) == there[i];
      said += fmt::format("{}{} {}", said.empty() ? "" : ", ", table, same ? here.text(0, 0) : "DIFFERENT");
      all_same = all_same && same;
    }
    say((all_same ? "counts and sums are the same on both sides: " : "counts or sums differ: ") + said);
    return all_same;
  }

  const std::string emulator_program_;
  const Environment& environment_;
  const steady_clock::time_point start_ = steady_clock::now();
  std::string directory_;
  std::string conninfo_;
  std::string config_;
  PipelinePlaces places_;
  std::optional<EmulatorProcess> emulator_;
  std::optional<Connection> source_;
  std::optional<Follower> follower_;
};

}  // namespace

Result<ExitCode> run_snowflake_demo(const std::string& emulator_program, const Environment& environment) {
  const InterruptScope interrupts;
  return SnowflakeDemo(emulator_program, environment).run();
}

}  // namespace luge
