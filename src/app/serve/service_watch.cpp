#include "app/serve/service_watch.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "service/alert/trouble_alerts.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr auto kInterval = std::chrono::seconds(2);

bool has_stopped(const std::string& state) { return state == "failed" || state == "waiting" || state == "invalid"; }

void add(std::vector<Alert>& all, std::vector<Alert> some) {
  for (Alert& alert : some) all.push_back(std::move(alert));
}

}  // namespace

std::vector<Alert> alerts_of(const StatusRow& row, const PipelineReport* report, Duration freshness, PgTimestamp now) {
  std::vector<Alert> alerts;
  if (has_stopped(row.state) && !row.error.empty()) {
    alerts.push_back(stopped_alert(row.pipeline, make_error(Recovery::stop_pipeline, row.error_code, row.error, row.hint)));
  }
  if (report == nullptr) return alerts;
  add(alerts, quarantine_alerts(row.pipeline, report->driver.pipeline));
  if (report->health) add(alerts, breaker_alerts(row.pipeline, *report->health));
  if (freshness.count() > 0) add(alerts, freshness_alerts(row.pipeline, report->driver.pipeline, freshness, now));
  return alerts;
}

ServiceWatch::ServiceWatch(Parts parts, WalLimits limits, Duration freshness)
    : parts_(parts),
      limits_(std::move(limits)),
      freshness_(freshness),
      relief_([&hosts = parts_.hosts](const std::string& source, Relief relief) { hosts.relieve(source, relief); }),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ServiceWatch::~ServiceWatch() {
  thread_.request_stop();
  changed_.notify_all();
}

void ServiceWatch::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    watch_sources();
    relief_.follow(parts_.monitor.reports());
    tell_alerts();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

void ServiceWatch::tell_alerts() {
  std::set<std::string> scopes;
  for (const StatusRow& row : parts_.manager.statuses()) {
    const std::string scope = "pipeline/" + row.pipeline;
    const auto host = parts_.hosts.find(row.pipeline);
    std::optional<PipelineReport> report;
    if (host) report = host->last_report();
    parts_.alerts.set(scope, alerts_of(row, report ? &*report : nullptr, freshness_, parts_.clock.wall_now()));
    scopes.insert(scope);
  }
  // Of pipelines that are another process's now, or nobody's, nothing is said any more.
  for (const std::string& scope : std::exchange(told_, scopes)) {
    if (!scopes.contains(scope)) parts_.alerts.set(scope, {});
  }
}

void ServiceWatch::watch_sources() {
  if (parts_.manager.catalog_revision() == revision_) return;
  const auto contents = parts_.catalog.read();
  if (!contents) return;
  revision_ = contents->revision;
  std::set<std::string> watched;
  for (const auto& [name, row] : contents->sources) {
    const auto conninfo = parts_.secrets.resolve_conninfo(row.conninfo, conninfo_context(name));
    if (!conninfo) continue;  // its pipelines say why they do not start
    const auto connection = ConnectionOptions::parse(*conninfo, "monitor");
    if (!connection) continue;
    WalSource source{name, *connection, {}, limits_};
    for (const auto& [pipeline, of] : contents->pipelines) {
      if (of.source == name) source.own_slots.push_back(default_slot_name(pipeline));
    }
    parts_.monitor.watch(std::move(source));
    watched.insert(name);
  }
  for (const std::string& name : std::exchange(watched_, watched)) {
    if (watched.contains(name)) continue;
    parts_.monitor.forget(name);
    parts_.alerts.set("wal/" + name, {});
  }
}

}  // namespace luge
