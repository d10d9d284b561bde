// luge_admin_probe PIPELINES TABLES TOKEN: serves invented pipelines on a free port, prints its address as one line, and goes on until its
// standard input ends. Each line of standard input changes something: "fail NAME", "lag NAME SECONDS", "quarantine NAME".
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "service/admin_view_test_support.h"
#include "service/http/admin_server.h"

namespace {

using namespace luge;

/// A table in each state that needs something of the page, and a source in danger.
void decorate(FakeAdminView& view) {
  PipelineReport& first = view.shown.front();
  std::vector<TableStatus>& tables = first.driver.pipeline.tables;
  if (tables.size() >= 2) {
    tables[0].record.state = TableState::copying;
    first.driver.copies.push_back({tables[0].record.oid, tables[0].record.name, 1, "copying", 500, 4000, 1000, std::chrono::seconds(5)});
    tables[1].record.state = TableState::quarantined;
    tables[1].record.quarantine = Quarantine{"misfit", "a value does not fit", "amount", "numeric", {}, "luge resync public.table_00001"};
  }
  SourceReport source;
  source.name = "shop";
  source.level = SourceReport::Level::warning;
  source.reason = "the slot luge_p0 keeps 1.9 MiB";
  source.actions = {"larger_batches"};
  source.wal_bytes = 64U << 20U;
  source.wal_bytes_per_second = 20'000;
  source.slots.push_back({"luge_p0", true, 2'000'000, 5'000'000, 9000.0, "extended"});
  source.cache = SourceReport::SchemaCache{100, 10, 4, 40};
  source.seconds_left = 9000;
  view.shown_sources.push_back(source);
  view.shown_alerts.firing.push_back({"wal/shop", "wal", "warning", "the WAL of shop grows", "is its pipeline running?", SystemClock().wall_now()});
  view.shown_alerts.receivers.push_back({"team", 3, 1, 0});
  DestinationHealth& health = view.shown.back().health.emplace();
  health.rows_sent = 10;
  for (const TableStatus& table : view.shown.back().driver.pipeline.tables) health.tables[table.record.oid].rows_landed = 5;
}

PipelineReport* find(FakeAdminView& view, const std::string& name) {
  for (PipelineReport& report : view.shown) {
    if (report.name == name) return &report;
  }
  return nullptr;
}

void change(FakeAdminView& view, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  std::string name;
  double seconds = 0;
  words >> verb >> name >> seconds;
  PipelineReport* report = find(view, name);
  if (report == nullptr) return;
  if (verb == "fail") {
    report->driver.state = "failed";
    report->driver.error = Error{.code = "gap", .what = "changes are missing", .hint = "luge run --on-gap resync"};
  } else if (verb == "lag") {
    const std::int64_t micros = SystemClock().wall_now().micros - static_cast<std::int64_t>(seconds * 1e6);
    report->driver.pipeline.oldest_unfinished_commit = PgTimestamp{micros};
  } else if (verb == "quarantine") {
    TableRecord& record = report->driver.pipeline.tables.back().record;
    record.state = TableState::quarantined;
    record.quarantine = Quarantine{"misfit", "a value does not fit", "amount", "numeric", {}, "luge resync"};
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("luge_admin_probe PIPELINES TABLES TOKEN\n", stderr);
    return 2;
  }
  FakeAdminView view;
  const auto pipelines = static_cast<std::size_t>(std::atoi(argv[1]));  // NOLINT(bugprone-unchecked-string-to-number-conversion)
  for (std::size_t i = 0; i < pipelines; ++i)
    view.shown.push_back(sample_pipeline("p" + std::to_string(i), static_cast<std::size_t>(std::atoi(argv[2]))));
  if (!view.shown.empty()) decorate(view);
  AdminServerOptions options;
  options.port = 0;
  options.guard.token = argv[3];
  options.version = "0.1.0";
  const auto server = AdminServer::start(options, view);
  if (!server) {
    std::cerr << server.error().message() << "\n";
    return 1;
  }
  std::cout << (*server)->url() << std::endl;
  for (std::string line; std::getline(std::cin, line);) view.change([&] { change(view, line); });
  return 0;
}
