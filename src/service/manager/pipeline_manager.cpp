#include "service/manager/pipeline_manager.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <poll.h>
#include <set>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/log_component.h"
#include "pipeline/wake_event.h"
#include "service/manager/lease_keeper.h"
#include "service/manager/managed_pipelines.h"

namespace luge {

namespace {

constexpr Duration kLongestWait = std::chrono::seconds(30);
constexpr Duration kReadSecretsAgain = std::chrono::seconds(10);
constexpr Duration kRetryCatalog = std::chrono::seconds(1);
constexpr Duration kSettle = std::chrono::milliseconds(100);  // several changes at once are told in one write

/// What a running task says, over what the manager knows of it.
void add_task_status(StatusRow& row, const TaskStatus& task) {
  if (row.state.empty() || task.state == "failed" || task.state == "stopped") row.state = task.state;
  if (row.state == "paused") row.reason = "paused by luge pause, or over its own socket; luge pipeline start lets it go on";
  row.server = task.server;
  row.received = task.received;
  row.durable = task.durable;
  row.acknowledged = task.acknowledged;
  row.lag_bytes = task.lag_bytes;
  row.lag_seconds = task.lag_seconds;
  row.tables = task.tables;
  row.quarantined = task.quarantined;
  if (!task.error) return;
  row.error_code = task.error->code;
  row.error = task.error->what;
  row.hint = task.error->hint;
  row.healed_by_time = heals_by_time(*task.error);
}

}  // namespace

class PipelineManager::Impl {
 public:
  Impl(ManagerOptions options, PipelineCatalog& catalog, PipelineLeases& leases, SecretResolver secrets, SpecRules rules, TaskFactory factory)
      : options_(std::move(options)),
        catalog_(catalog),
        leases_(leases),
        secrets_(std::move(secrets)),
        rules_(std::move(rules)),
        pipelines_(
            options_, clock_, std::move(factory), [this] { wake_.notify(); }, [this] { ask_for_report(); }) {}

  Status run() {
    const LogComponent scope("manager");
    const LeaseKeeper::Options lease_options{options_.owner, options_.lease_time_to_live, options_.lease_renew_interval};
    LeaseKeeper keeper(leases_, lease_options, clock_, [this] { wake_.notify(); });
    std::vector<std::string> stuck;
    {
      const std::jthread watcher([this](const std::stop_token& stop) { watch(stop); });
      const std::jthread reporter([this](const std::stop_token& stop) { report(stop); });
      stuck = reconcile_until_drained(keeper);
    }
    tell();  // the last word, while the leases are still this process's
    if (stuck.empty()) {
      keeper.leave();
      return ok();
    }
    std::string names;
    for (const std::string& name : stuck) names += (names.empty() ? "" : ", ") + name;
    return make_error(Recovery::stop_pipeline, "tasks_stuck", "these pipelines did not stop in time: " + names,
                      "nothing is lost: what was not acknowledged comes again");
  }

  void request_drain() {
    drain_.store(true);
    wake_.notify();
  }
  void request_reload() {
    reload_.store(true);
    wake_.notify();
  }

  std::vector<StatusRow> statuses() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  std::int64_t catalog_revision() const {
    const std::lock_guard lock(mutex_);
    return contents_.revision;
  }
  std::uint64_t reloads() const { return reloads_.load(); }
  std::optional<Error> trouble() const {
    const std::lock_guard lock(mutex_);
    return catalog_trouble_ ? catalog_trouble_ : lease_trouble_;
  }
  bool speaks_for_all() const {
    const std::lock_guard lock(mutex_);
    return pipelines_.speaks_for_all();
  }

 private:
  /// The manager's thread. Returns who did not end.
  std::vector<std::string> reconcile_until_drained(LeaseKeeper& keeper) {
    std::optional<Instant> give_up;
    while (true) {
      const bool draining = drain_.load();
      Instant next_look;
      std::vector<std::string> unfinished;
      {
        const std::lock_guard lock(mutex_);
        if (auto contents = std::exchange(fresh_, std::nullopt)) {
          contents_ = *std::move(contents);
          pipelines_.want(contents_, secrets_, rules_);
        }
        if (reload_.exchange(false)) {
          ++reloads_;
          log_event(LogLevel::info, "reload", "secrets are read again; what waits is tried again. The configuration file is read at the start only");
          pipelines_.want(contents_, secrets_, rules_);
          pipelines_.retry_now();
        }
        if (pipelines_.secrets_unread()) {
          if (!read_secrets_at_) read_secrets_at_ = clock_.now() + kReadSecretsAgain;
          if (clock_.now() >= *read_secrets_at_) {
            read_secrets_at_ = clock_.now() + kReadSecretsAgain;
            pipelines_.want(contents_, secrets_, rules_);
          }
        } else {
          read_secrets_at_.reset();
        }
        const LeaseKeeper::Held held = keeper.held();
        lease_trouble_ = held.trouble;
        pipelines_.set_leases(held);
        next_look = std::min(pipelines_.reconcile(draining), held.look_again);
        if (read_secrets_at_) next_look = std::min(next_look, *read_secrets_at_);
        // At the end nothing new is taken, and what ended is given back to whoever is there.
        keeper.set_pipelines({draining ? std::set<std::string>{} : pipelines_.active(), pipelines_.busy(), !draining && contents_.revision > 0});
        unfinished = pipelines_.unfinished();
      }
      ask_for_report();
      if (draining) {
        if (unfinished.empty()) return {};
        if (!give_up) give_up = clock_.now() + options_.drain_timeout + options_.stop_grace;
        if (clock_.now() >= *give_up) return unfinished;
        next_look = std::min(next_look, *give_up);
      }
      sleep_until(next_look);
    }
  }

  void sleep_until(Instant at) {
    const Duration longest = std::clamp<Duration>(at - clock_.now(), Duration{0}, kLongestWait);
    pollfd waker{wake_.fd(), POLLIN, 0};
    const std::int64_t micros = longest.count();
    const timespec timeout{micros / 1'000'000, (micros % 1'000'000) * 1000};
    ppoll(&waker, 1, &timeout, nullptr);
    wake_.clear();
  }

  /// Reads the catalog whenever it changed.
  void watch(const std::stop_token& stop) {
    const LogComponent scope("catalog");
    std::int64_t known = -1;
    bool failing = false;
    while (!stop.stop_requested()) {
      // One that has failed is asked whether it answers, and not to answer when something changes.
      const auto revision = catalog_.await_change(known, failing ? Duration{0} : kLongestWait, stop);
      auto contents = revision && *revision != known && !stop.stop_requested() ? catalog_.read() : Result<CatalogContents>(CatalogContents{});
      const bool failed = !revision || !contents;
      if (failed) {
        const Error& error = revision ? contents.error() : revision.error();
        if (!failing && !stop.stop_requested())
          log_event(LogLevel::error, "catalog_unreadable", error.what, {{"code", error.code}, {"hint", error.hint}});
        failing = true;
        note_catalog(error);
        pause_for(kRetryCatalog, stop);
        continue;
      }
      if (std::exchange(failing, false)) log_event(LogLevel::info, "catalog_readable", "the catalog answers again");
      note_catalog(std::nullopt);
      if (*revision == known || stop.stop_requested()) continue;
      known = contents->revision;
      log_event(LogLevel::info, "catalog_read", "the catalog changed",
                {{"revision", known}, {"pipelines", static_cast<std::uint64_t>(contents->pipelines.size())}});
      const std::lock_guard lock(mutex_);
      fresh_ = *std::move(contents);
      wake_.notify();
    }
  }

  void note_catalog(std::optional<Error> trouble) {
    const std::lock_guard lock(mutex_);
    catalog_trouble_ = std::move(trouble);
  }

  static void pause_for(Duration duration, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
  }

  void ask_for_report() {
    {
      const std::lock_guard lock(report_mutex_);
      report_wanted_ = true;
    }
    report_asked_.notify_one();
  }

  /// Tells pipeline_status how things stand: soon after every look of the manager, when a task has got into another state, and every heartbeat.
  void report(const std::stop_token& stop) {
    const LogComponent scope("manager");
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(report_mutex_);
        report_asked_.wait_for(lock, stop, options_.heartbeat_interval, [this] { return report_wanted_; });
        report_wanted_ = false;
      }
      if (stop.stop_requested()) return;
      tell();
      pause_for(kSettle, stop);
    }
  }

  void tell() {
    std::vector<ManagedPipelines::Report> reports;
    std::optional<std::vector<std::string>> keys;
    {
      const std::lock_guard lock(mutex_);
      reports = pipelines_.reports();
      if (contents_.revision > 0 && pipelines_.speaks_for_all()) keys = pipelines_.status_keys();
    }
    std::vector<StatusRow> rows;
    for (ManagedPipelines::Report& one : reports) {
      if (one.runner) add_task_status(one.row, one.runner->status());
      rows.push_back(std::move(one.row));
    }
    reports.clear();  // runners may end here
    Status written = catalog_.write_statuses(rows);
    if (written && keys) written = catalog_.keep_statuses(*keys);
    if (!written && !std::exchange(status_failing_, true))
      log_event(LogLevel::warn, "status_not_written", written.error().what, {{"code", written.error().code}});
    if (written) status_failing_ = false;
    const std::lock_guard lock(mutex_);
    told_ = std::move(rows);
  }

  const ManagerOptions options_;
  PipelineCatalog& catalog_;
  PipelineLeases& leases_;
  const SecretResolver secrets_;
  const SpecRules rules_;
  const SystemClock clock_{};
  const WakeEvent wake_;
  std::atomic<bool> drain_{false};
  std::atomic<bool> reload_{false};
  std::atomic<std::uint64_t> reloads_{0};

  std::mutex report_mutex_;  ///< protects what follows; tasks ask as long as they live, so it stands before them
  std::condition_variable_any report_asked_;
  bool report_wanted_ = false;

  mutable std::mutex mutex_;  ///< protects what follows
  ManagedPipelines pipelines_;
  CatalogContents contents_;
  std::optional<CatalogContents> fresh_;
  std::optional<Error> catalog_trouble_, lease_trouble_;  ///< while they do not answer
  std::optional<Instant> read_secrets_at_;  ///< those that could not be read
  std::vector<StatusRow> told_;

  bool status_failing_ = false;  ///< of whoever tells: the reporter, then the manager
};

PipelineManager::PipelineManager(ManagerOptions options, PipelineCatalog& catalog, PipelineLeases& leases, SecretResolver secrets, SpecRules rules,
                                 TaskFactory factory)
    : impl_(std::make_unique<Impl>(std::move(options), catalog, leases, std::move(secrets), std::move(rules), std::move(factory))) {}
PipelineManager::~PipelineManager() = default;

Status PipelineManager::run() { return impl_->run(); }
void PipelineManager::request_drain() { impl_->request_drain(); }
void PipelineManager::request_reload() { impl_->request_reload(); }
std::vector<StatusRow> PipelineManager::statuses() const { return impl_->statuses(); }
std::int64_t PipelineManager::catalog_revision() const { return impl_->catalog_revision(); }
std::uint64_t PipelineManager::reloads() const { return impl_->reloads(); }
std::optional<Error> PipelineManager::trouble() const { return impl_->trouble(); }
bool PipelineManager::speaks_for_all() const { return impl_->speaks_for_all(); }

}  // namespace luge
