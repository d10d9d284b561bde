#include "app/serve/service_watch.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "service/alert/trouble_alerts.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr auto kInterval = std::chrono::seconds(2);

constexpr Duration kResolveAgain = std::chrono::seconds(30);
constexpr Duration kRetryGrace = std::chrono::seconds(30);

bool has_stopped(const std::string& state) { return state == "failed" || state == "waiting" || state == "invalid"; }

void add(std::vector<Alert>& all, std::vector<Alert> some) {
  for (Alert& alert : some) all.push_back(std::move(alert));
}

}  // namespace

std::vector<Alert> alerts_of(const StatusRow& row, const PipelineReport* report, Duration freshness, Duration stopped_for, PgTimestamp now) {
  std::vector<Alert> alerts;
  const bool counts = !row.healed_by_time || stopped_for >= kRetryGrace;
  if (has_stopped(row.state) && counts && !row.error.empty()) {
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
    tell_of_sources();
    tell_alerts();
    parts_.keeper.keep(parts_.alerts.known());
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

// Every process watches every source, for the sake of its own pipelines; receivers want to hear of it once.
void ServiceWatch::tell_of_sources() {
  const bool speaks = parts_.manager.speaks_for_all();
  const Instant now = parts_.clock.now();
  std::map<std::string, Instant> unread;
  for (const WalReport& report : parts_.monitor.reports()) {
    if (report.error) {
      const auto before = unread_since_.find(report.source);
      unread[report.source] = before == unread_since_.end() ? now : before->second;
    }
    parts_.alerts.set("wal/" + report.source, speaks && report.verdict ? wal_alerts(report.source, *report.verdict) : std::vector<Alert>{});
    parts_.alerts.set("unread/" + report.source,
                      speaks && report.error ? unread_alerts(report.source, *report.error, now - unread[report.source]) : std::vector<Alert>{});
  }
  unread_since_ = std::move(unread);
}

Duration ServiceWatch::stopped_for(const StatusRow& row) {
  const Instant now = parts_.clock.now();
  if (has_stopped(row.state)) return now - stopped_since_.try_emplace(row.pipeline, now).first->second;
  if (row.state == "live" || row.state == "copying" || row.state == "paused") stopped_since_.erase(row.pipeline);
  return Duration{0};
}

void ServiceWatch::tell_alerts() {
  std::set<std::string> scopes;
  for (const StatusRow& row : parts_.manager.statuses()) {
    const std::string scope = "pipeline/" + row.pipeline;
    const auto host = parts_.hosts.find(row.pipeline);
    std::optional<PipelineReport> report;
    if (host) report = host->last_report();
    parts_.alerts.set(scope, alerts_of(row, report ? &*report : nullptr, freshness_, stopped_for(row), parts_.clock.wall_now()));
    scopes.insert(scope);
  }
  // Of pipelines that are another process's now, or nobody's, nothing is said any more.
  for (const std::string& scope : std::exchange(told_, scopes)) {
    if (!scopes.contains(scope)) parts_.alerts.set(scope, {});
  }
  std::erase_if(stopped_since_, [&](const auto& one) { return !scopes.contains("pipeline/" + one.first); });
}

bool ServiceWatch::sources_may_have_changed() {
  const Instant now = parts_.clock.now();
  const std::uint64_t reloads = parts_.manager.reloads();
  // A password may have been changed in its file without a word: whoever cannot get in looks again.
  const bool stale = !unread_since_.empty() && (!resolved_at_ || now - *resolved_at_ >= kResolveAgain);
  if (parts_.manager.catalog_revision() == revision_ && reloads == reloads_ && !stale) return false;
  reloads_ = reloads;
  resolved_at_ = now;
  return true;
}

void ServiceWatch::watch_sources() {
  if (!sources_may_have_changed()) return;
  const auto contents = parts_.catalog.read();
  if (!contents) return;
  revision_ = contents->revision;
  std::set<std::string> watched;
  for (const auto& [name, row] : contents->sources) {
    if (!check_row_name(RowKind::source, name) || !parse_options(row.options)) continue;  // its pipelines say why they do not start
    const auto conninfo = parts_.secrets.resolve_conninfo(row.conninfo, conninfo_context(name));
    if (!conninfo) continue;
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
    parts_.alerts.set("unread/" + name, {});
  }
}

}  // namespace luge
