#include "app/serve/running_hosts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/pipeline_opening.h"
#include "app/preflight_report.h"
#include "app/serve/spec_options.h"
#include "base/log.h"

namespace luge {

namespace {

/// What helps here is a row of the catalog, not an option of `luge run`.
Error as_served(Error error, const std::string& pipeline) {
  if (error.code == "gap")
    error.hint = "luge pipeline edit " + pipeline + " on_gap=resync copies the affected tables again (the mirror stays readable meanwhile)";
  return error;
}

class HostTask final : public PipelineTask {
 public:
  explicit HostTask(std::shared_ptr<PipelineHost> host) : host_(std::move(host)) {}

  Status run() override {
    const LogScope scope(host_->options().pipeline);
    Status ended = host_->run();
    if (!ended) return as_served(std::move(ended).error(), host_->options().pipeline);
    return ended;
  }
  void request_drain() override { host_->driver().request_drain(); }
  void request_stop() override { host_->driver().request_stop(); }
  void request_resume() override { host_->driver().request_resume(); }
  void on_state_change(std::function<void()> changed) override { host_->driver().on_state_change(std::move(changed)); }
  TaskStatus status() const override {
    const PipelineReport report = host_->last_report();
    const PipelineStatus& pipeline = report.driver.pipeline;
    TaskStatus status;
    status.state = report.driver.state;
    status.server = pipeline.server;
    status.received = pipeline.received;
    status.durable = pipeline.durable;
    status.acknowledged = pipeline.acknowledged;
    status.lag_bytes = lag_bytes(report);
    status.lag_seconds = lag_seconds(report, SystemClock().wall_now());
    for (const TableStatus& table : pipeline.tables) {
      if (table.record.state == TableState::dropped) continue;
      ++status.tables;
      if (table.record.state == TableState::quarantined) ++status.quarantined;
    }
    if (report.driver.error) status.error = as_served(*report.driver.error, report.name);
    return status;
  }

 private:
  const std::shared_ptr<PipelineHost> host_;
};

void tell_checks(const Preflight& preflight) {
  for (const Check& check : preflight.checks) {
    if (check.level == Check::Level::good) continue;
    log_event(check.level == Check::Level::note ? LogLevel::info : LogLevel::warn, "check", check.what, {{"check", check.name}, {"fix", check.fix}});
  }
}

/// The status row shows one; the others are logged.
Error refusal_of(const Preflight& preflight) {
  Error error = short_error_of(preflight);
  for (const Check& check : preflight.checks) {
    if (check.level < Check::Level::problem || check.what == error.what) continue;
    log_event(LogLevel::warn, "check", check.what, {{"check", check.name}, {"fix", check.fix}});
  }
  return error;
}

}  // namespace

std::shared_ptr<PipelineHost> RunningHosts::find(const std::string& pipeline) const {
  std::lock_guard lock(mutex_);
  const auto found = hosts_.find(pipeline);
  return found == hosts_.end() ? nullptr : found->second.host.lock();
}

void RunningHosts::put(const std::string& pipeline, const std::string& source, const std::shared_ptr<PipelineHost>& host) {
  std::lock_guard lock(mutex_);
  std::erase_if(hosts_, [](const auto& entry) { return entry.second.host.expired(); });
  hosts_[pipeline] = {source, host};
  if (const auto relief = relief_.find(source); relief != relief_.end()) host->driver().relieve(relief->second);
}

void RunningHosts::relieve(const std::string& source, Relief relief) {
  std::vector<std::shared_ptr<PipelineHost>> hosts;  // whoever turns out to be the last that knows one ends it outside the lock
  {
    const std::lock_guard lock(mutex_);
    relief_[source] = relief;
    for (const auto& [pipeline, of] : hosts_) {
      if (of.source == source) hosts.push_back(of.host.lock());
    }
  }
  for (const auto& host : hosts) {
    if (host) host->driver().relieve(relief);
  }
}

std::shared_ptr<SchemaCache> RunningHosts::schema_cache(const std::string& source, const std::string& conninfo) {
  static const SystemClock clock;
  const std::lock_guard lock(mutex_);
  CacheOfSource& of = caches_[source];
  if (!of.cache || of.conninfo != conninfo) of = {conninfo, std::make_shared<SchemaCache>(clock)};
  return of.cache;
}

std::shared_ptr<SchemaCache> RunningHosts::find_schema_cache(const std::string& source) const {
  const std::lock_guard lock(mutex_);
  const auto found = caches_.find(source);
  return found == caches_.end() ? nullptr : found->second.cache;
}

TaskFactory make_task_factory(RunningHosts& hosts, Environment environment) {
  return [&hosts, environment = std::move(environment)](const PipelineSpec& spec) -> Result<std::unique_ptr<PipelineTask>> {
    const LogScope scope(spec.name);
    TRY(const Options options, options_of(spec));
    auto prepared = prepare_pipeline(options, environment, refusal_of);
    if (!prepared) return as_served(std::move(prepared).error(), spec.name);
    PipelineOpening opening = *std::move(prepared);
    tell_checks(opening.preflight);
    opening.schema_cache = hosts.schema_cache(spec.source, spec.conninfo);
    TRY(auto opened, open_pipeline(options, std::move(opening)));
    std::shared_ptr<PipelineHost> host = std::move(opened);
    hosts.put(spec.name, spec.source, host);
    return std::unique_ptr<PipelineTask>(std::make_unique<HostTask>(std::move(host)));
  };
}

}  // namespace luge
