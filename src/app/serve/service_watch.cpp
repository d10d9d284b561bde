#include "app/serve/service_watch.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "service/alert/trouble_alerts.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr auto kInterval = std::chrono::seconds(2);

constexpr std::string_view kPipelineScope = "pipeline/";
constexpr Duration kResolveAgain = std::chrono::seconds(30);
constexpr Duration kRetryGrace = std::chrono::seconds(30);

/// It has ended, or runs and gets nowhere: its source or destination does not answer.
bool stands_still(const StatusRow& row) {
  if (row.error.empty()) return false;
  return row.state == "failed" || row.state == "waiting" || row.state == "invalid" || row.state == "connecting";
}

void add(std::vector<Alert>& all, std::vector<Alert> some) {
  for (Alert& alert : some) all.push_back(std::move(alert));
}

}  // namespace

std::vector<Alert> alerts_of(const StatusRow& row, const PipelineReport* report, Duration freshness, Duration stopped_for, PgTimestamp now) {
  std::vector<Alert> alerts;
  const bool counts = !row.healed_by_time || stopped_for >= kRetryGrace;
  if (stands_still(row) && counts) {
    alerts.push_back(stopped_alert(row.pipeline, make_error(Recovery::stop_pipeline, row.error_code, row.error, row.hint)));
    if (row.state == "connecting") alerts.back().title = "pipeline " + row.pipeline + " stands still: it cannot connect";
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
    Told told;
    add_sources(told);
    add_pipelines(told);
    tell_of_service();
    tell(std::move(told));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

// A scope has one speaker. Whoever begins to speak for one goes on where the last speaker was; whoever ends says nothing: it is not over.
void ServiceWatch::tell(Told told) {
  for (const auto& [scope, alerts] : told) {
    if (!told_.contains(scope)) not_adopted_.insert(scope);
  }
  for (const std::string& scope : told_) {
    if (told.contains(scope)) continue;
    leave(scope);
    not_adopted_.erase(scope);
    look_for_orphans_ = true;  // perhaps it is gone, and this process is to say that it is over
  }
  for (const std::string& scope : std::exchange(orphans_, {})) {
    if (told.contains(scope)) continue;  // it is there again
    if (is_orphan(scope)) {
      orphans_.insert(scope);
    } else {
      leave(scope);
    }
  }
  const bool speaks = parts_.manager.speaks_for_all();
  look_for_orphans_ = look_for_orphans_ || (speaks && !spoke_);
  spoke_ = speaks;
  adopt(told);
  told_.clear();
  for (auto& [scope, alerts] : told) {
    parts_.alerts.set(scope, std::move(alerts));
    told_.insert(scope);
  }
  parts_.keeper.keep(parts_.alerts.known());
}

// Of this process alone, and not kept: where that would be is what is missing.
void ServiceWatch::tell_of_service() {
  const auto trouble = parts_.manager.trouble();
  const Instant now = parts_.clock.now();
  if (!trouble) {
    lacking_since_.reset();
  } else if (!lacking_since_) {
    lacking_since_ = now;
  }
  parts_.alerts.set(AlertKeeper::kNotKept, trouble ? service_alerts(parts_.host, *trouble, now - *lacking_since_) : std::vector<Alert>{});
}

void ServiceWatch::leave(const std::string& scope) {
  parts_.alerts.forget(scope);
  parts_.keeper.leave(scope);
}

void ServiceWatch::adopt(const Told& told) {
  if (not_adopted_.empty() && !look_for_orphans_) return;
  auto known = parts_.keeper.read_others();
  if (!known) return;  // the next look asks again; until then somebody may be told twice
  std::erase_if(*known,
                [&](const KnownAlert& one) { return !not_adopted_.contains(one.scope) && (told.contains(one.scope) || !is_orphan(one.scope)); });
  for (const KnownAlert& one : *known) {
    if (!told.contains(one.scope)) orphans_.insert(one.scope);
  }
  parts_.keeper.take(*known);
  parts_.alerts.adopt(*std::move(known));
  not_adopted_.clear();
  look_for_orphans_ = false;
}

bool ServiceWatch::is_orphan(std::string_view scope) const {
  if (revision_ < 0 || !parts_.manager.speaks_for_all()) return false;
  const std::string name(scope.substr(scope.find('/') + 1));
  return scope.starts_with(kPipelineScope) ? !pipelines_.contains(name) : !watched_.contains(name);
}

// Every process watches every source, for the sake of its own pipelines; receivers want to hear of it once.
void ServiceWatch::add_sources(Told& told) {
  const bool speaks = parts_.manager.speaks_for_all();
  const Instant now = parts_.clock.now();
  std::map<std::string, Instant> unread;
  for (const WalReport& report : parts_.monitor.reports()) {
    if (report.error) {
      const auto before = unread_since_.find(report.source);
      unread[report.source] = before == unread_since_.end() ? now : before->second;
    }
    if (!speaks) continue;
    told["wal/" + report.source] = report.verdict ? wal_alerts(report.source, *report.verdict) : std::vector<Alert>{};
    told["unread/" + report.source] = report.error ? unread_alerts(report.source, *report.error, now - unread[report.source]) : std::vector<Alert>{};
  }
  unread_since_ = std::move(unread);
}

Duration ServiceWatch::stopped_for(const StatusRow& row) {
  const Instant now = parts_.clock.now();
  if (stands_still(row)) return now - stopped_since_.try_emplace(row.pipeline, now).first->second;
  if (row.state == "live" || row.state == "copying" || row.state == "paused") stopped_since_.erase(row.pipeline);
  return Duration{0};
}

void ServiceWatch::add_pipelines(Told& told) {
  for (const StatusRow& row : parts_.manager.statuses()) {
    const auto host = parts_.hosts.find(row.pipeline);
    std::optional<PipelineReport> report;
    if (host) report = host->last_report();
    told[std::string(kPipelineScope) + row.pipeline] =
        alerts_of(row, report ? &*report : nullptr, freshness_, stopped_for(row), parts_.clock.wall_now());
  }
  std::erase_if(stopped_since_, [&](const auto& one) { return !told.contains(std::string(kPipelineScope) + one.first); });
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

Result<ConnectionOptions> ServiceWatch::connection_of(const SourceRow& row) const {
  CHECK_OK(parse_options(row.options));
  TRY(const std::string conninfo, parts_.secrets.resolve_conninfo(row.conninfo, conninfo_context(row.name)));
  return ConnectionOptions::parse(conninfo, "monitor");
}

void ServiceWatch::watch_sources() {
  if (!sources_may_have_changed()) return;
  const auto contents = parts_.catalog.read();
  if (!contents) return;
  look_for_orphans_ = true;  // what has just been removed may have been another process's
  revision_ = contents->revision;
  pipelines_.clear();
  for (const auto& [name, row] : contents->pipelines) pipelines_.insert(name);
  std::set<std::string> watched;
  for (const auto& [name, row] : contents->sources) {
    if (!check_row_name(RowKind::source, name)) continue;  // its pipelines say why they do not start
    watched.insert(name);
    auto connection = connection_of(row);
    if (!connection) {
      parts_.monitor.hold(name, connection.error());
      continue;
    }
    WalSource source{name, *std::move(connection), {}, limits_};
    for (const auto& [pipeline, of] : contents->pipelines) {
      if (of.source == name) source.own_slots.push_back(default_slot_name(pipeline));
    }
    parts_.monitor.watch(std::move(source));
  }
  for (const std::string& name : watched_) {
    if (!watched.contains(name)) parts_.monitor.forget(name);
  }
  watched_ = std::move(watched);
}

}  // namespace luge
