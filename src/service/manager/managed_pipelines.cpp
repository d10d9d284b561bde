#include "service/manager/managed_pipelines.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "base/log.h"
#include "base/printable_text.h"

namespace luge {

namespace {

constexpr std::size_t kLongestLoggedName = 100;  // no valid name is longer

using Wish = WantedPipeline::Wish;

std::int64_t version_of(const auto& rows, const std::string& name) {
  const auto found = rows.find(name);
  return found == rows.end() ? 0 : found->second.version;
}

WantedPipeline invalid(Error error) {
  WantedPipeline wanted;
  wanted.wish = Wish::invalid;
  wanted.error = std::move(error);
  return wanted;
}

/// `before`: what was wanted of it until now, or null. A secret that was read once stays what it was while it cannot be read: a pipeline that runs is
/// none the worse for it.
WantedPipeline want_one(const PipelineRow& row, const CatalogContents& contents, const SecretResolver& secrets, const SpecRules& rules,
                        const WantedPipeline* before) {
  // A pipeline is paused whatever else is wrong with it.
  const auto start = wants_start(row);
  if (start && !*start && check_row_name(RowKind::pipeline, row.name)) {
    WantedPipeline paused;
    paused.wish = Wish::pause;
    return paused;
  }
  auto written = read_spec(row, contents, rules);
  if (!written) return invalid(std::move(written).error());
  WantedPipeline wanted;
  wanted.written = *std::move(written);
  auto spec = resolve_secrets(wanted.written, secrets);
  if (spec) {
    wanted.spec = *std::move(spec);
  } else {
    wanted.unread = spec.error();
    if (before != nullptr && before->wish == WantedPipeline::Wish::start && before->written == wanted.written) {
      wanted.spec = before->spec;
    } else {
      wanted.wish = WantedPipeline::Wish::invalid;
      wanted.error = wanted.unread;
    }
  }
  return wanted;
}

/// Secrets that were encrypted again change a row's text, and nobody has said START with that.
bool says_start_again(const WantedPipeline::OwnRow& before, const WantedPipeline::OwnRow& after) {
  return after.version > before.version && after.options == before.options;
}

void log_invalid(const std::string& name, const Error& error) {
  log_event(LogLevel::warn, "pipeline_invalid", error.what,
            {{"pipeline", printable_text(name, kLongestLoggedName)}, {"code", error.code}, {"hint", error.hint}});
}

void log_unread(const std::string& name, const Error& error) {
  log_event(LogLevel::warn, "secret_unread", error.what + "; the pipeline goes on with what it was, and it is looked at again",
            {{"pipeline", name}, {"code", error.code}, {"hint", error.hint}});
}

void set_error(StatusRow& row, const Error& error) {
  row.error_code = error.code;
  row.error = error.what;
  row.hint = error.hint;
}

}  // namespace

ManagedPipelines::ManagedPipelines(const ManagerOptions& options, const Clock& clock, TaskFactory factory, std::function<void()> ended,
                                   std::function<void()> changed)
    : options_(options), clock_(clock), factory_(std::move(factory)), ended_(std::move(ended)), changed_(std::move(changed)), random_(options.seed) {}

void ManagedPipelines::want(const CatalogContents& contents, const SecretResolver& secrets, const SpecRules& rules) {
  std::map<std::string, WantedPipeline> next;
  for (const auto& [name, row] : contents.pipelines) {
    const auto before = wanted_.find(name);
    WantedPipeline wanted = want_one(row, contents, secrets, rules, before == wanted_.end() ? nullptr : &before->second);
    wanted.version = std::max({row.version, version_of(contents.sources, row.source), version_of(contents.destinations, row.destination)});
    wanted.own_row = {row.version, row.options};
    const bool news = before == wanted_.end() || !before->second.error || (wanted.error && before->second.error->what != wanted.error->what);
    if (wanted.error && news) log_invalid(name, *wanted.error);
    if (wanted.unread && !wanted.error && !before->second.unread) log_unread(name, *wanted.unread);
    next.emplace(name, std::move(wanted));
  }
  wanted_ = std::move(next);
  for (auto& [name, entry] : entries_) {
    // A row that was written again without a change is news for an ended task only; but a pipeline's own row says START again.
    const auto wanted = wanted_.find(name);
    if (wanted == wanted_.end() || entry.end_seen || wanted->second.spec != entry.runner->spec()) continue;
    if (wanted->second.wish == Wish::start && says_start_again(entry.own_row, wanted->second.own_row)) entry.runner->request_resume();
    entry.version = wanted->second.version;
    entry.own_row = wanted->second.own_row;
  }
  set_leases(held_);
}

bool ManagedPipelines::secrets_unread() const {
  return std::ranges::any_of(wanted_, [](const auto& one) { return one.second.unread.has_value(); });
}

void ManagedPipelines::set_leases(const LeaseKeeper::Held& held) {
  held_ = held;
  for (auto& [name, wanted] : wanted_) {
    wanted.held = held_.fences.contains(name);
    wanted.hand_over = held_.hand_over.contains(name);
  }
}

void ManagedPipelines::retry_now() {
  for (auto& [name, entry] : entries_) {
    if (!entry.end_seen) continue;
    entry.version = -1;  // as if its row had been written again
    entry.retry_at = clock_.now();
  }
}

std::set<std::string> ManagedPipelines::active() const {
  std::set<std::string> names;
  for (const auto& [name, wanted] : wanted_) {
    if (wanted.wish == Wish::start) names.insert(name);
  }
  return names;
}

std::set<std::string> ManagedPipelines::busy() const {
  std::set<std::string> names;
  for (const auto& [name, entry] : entries_) {
    if (!entry.end_seen) names.insert(name);
  }
  return names;
}

std::vector<std::string> ManagedPipelines::unfinished() const {
  const auto names = busy();
  return {names.begin(), names.end()};
}

void ManagedPipelines::notice_ends() {
  for (auto& [name, entry] : entries_) {
    if (entry.end_seen) continue;
    const auto outcome = entry.runner->outcome();
    if (!outcome) continue;
    note_end(name, entry, *outcome ? std::nullopt : std::optional<Error>(outcome->error()));
  }
}

void ManagedPipelines::note_end(const std::string& name, Entry& entry, const std::optional<Error>& error) {
  entry.end_seen = true;
  const Instant now = clock_.now();
  if (!error) {
    entry.retry_at = now + entry.transient.next_delay(now, random_);
    log_event(LogLevel::info, "pipeline_ended", entry.draining ? "drained: everything is durable and acknowledged" : "the pipeline ended",
              {{"pipeline", name}, {"reason", entry.reason}});
    if (!entry.draining) entry.reason = "it ended by itself, and is started again";
    return;
  }
  entry.healed_by_time = heals_by_time(*error);
  entry.retry_at = now + (entry.healed_by_time ? entry.transient : entry.fatal).next_delay(now, random_);
  const std::int64_t retry_in_ms = (entry.retry_at - now).count() / 1000;
  entry.reason = error->exit_code == ExitCode::operator_decision ? "it waits for an operator's decision"
                                                                 : "it is started again within " + std::to_string(retry_in_ms / 1000 + 1) + " s";
  log_event(LogLevel::error, "pipeline_failed", error->what,
            {{"pipeline", name}, {"code", error->code}, {"hint", error->hint}, {"retry_in_ms", retry_in_ms}});
}

Instant ManagedPipelines::reconcile(bool shutting_down) {
  shutting_down_ = shutting_down;
  notice_ends();
  std::map<std::string, TaskView> views;
  for (const auto& [name, entry] : entries_) {
    TaskView& view = views[name];
    view.spec = &entry.runner->spec();
    view.version = entry.version;
    view.held = held_.fences.contains(name);
    view.draining = entry.draining;
    view.stopping = entry.stopping;
    view.drain_deadline = entry.drain_deadline;
    view.ended = entry.end_seen;
    view.retry_at = entry.retry_at;
    if (!entry.end_seen) continue;
    const auto outcome = entry.runner->outcome();
    if (outcome && !*outcome) view.error = outcome->error();
  }
  const ReconcilePlan plan = plan_reconciliation(wanted_, views, clock_.now(), shutting_down);
  for (const TaskAction& action : plan.actions) carry_out(action);
  return plan.actions.empty() ? plan.next_look : clock_.now();  // what was done may have deadlines of its own
}

void ManagedPipelines::carry_out(const TaskAction& action) {
  if (action.what == TaskAction::What::start) return start(action);
  const auto found = entries_.find(action.pipeline);
  ENSURE(found != entries_.end(), "an action on a task that is there");
  Entry& entry = found->second;
  entry.reason = action.reason;
  switch (action.what) {
    case TaskAction::What::drain:
      log_event(LogLevel::info, "pipeline_draining", action.reason, {{"pipeline", action.pipeline}});
      entry.draining = true;
      entry.drain_deadline = clock_.now() + options_.drain_timeout;
      entry.runner->request_drain();
      break;
    case TaskAction::What::stop:
      log_event(LogLevel::warn, "pipeline_stopping", action.reason, {{"pipeline", action.pipeline}});
      entry.stopping = true;
      entry.runner->request_stop();
      break;
    case TaskAction::What::forget:
      log_event(LogLevel::info, "pipeline_stopped", action.reason, {{"pipeline", action.pipeline}});
      entries_.erase(found);
      break;
    case TaskAction::What::start: break;
  }
}

void ManagedPipelines::start(const TaskAction& action) {
  const WantedPipeline& wanted = wanted_.at(action.pipeline);
  const auto [found, is_new] = entries_.try_emplace(action.pipeline);
  Entry& entry = found->second;
  if (is_new) {
    entry.transient = RetryPolicy(options_.restart_after_transient);
    entry.fatal = RetryPolicy(options_.restart_after_fatal);
  } else {
    ++entry.restarts;
    if (entry.version != wanted.version) {  // what was wrong may be right now
      entry.transient.succeeded();
      entry.fatal.succeeded();
    }
  }
  entry.version = wanted.version;
  entry.own_row = wanted.own_row;
  entry.draining = false;
  entry.stopping = false;
  entry.end_seen = false;
  entry.reason = action.reason;
  log_event(LogLevel::info, "pipeline_starting", action.reason,
            {{"pipeline", action.pipeline}, {"source", wanted.spec.source}, {"destination", wanted.spec.destination}, {"restarts", entry.restarts}});
  entry.runner = std::make_shared<TaskRunner>(wanted.spec, factory_, ended_, changed_);
}

std::vector<std::string> ManagedPipelines::status_keys() const {
  std::vector<std::string> keys;
  for (const auto& [name, wanted] : wanted_) keys.push_back(status_key(name));
  for (const auto& [name, entry] : entries_) {
    if (!wanted_.contains(name)) keys.push_back(name);
  }
  return keys;
}

std::vector<ManagedPipelines::Report> ManagedPipelines::reports() const {
  std::vector<Report> all;
  for (const auto& [name, wanted] : wanted_) {
    if (auto one = report(name, wanted)) all.push_back(*std::move(one));
  }
  for (const auto& [name, entry] : entries_) {
    if (wanted_.contains(name)) continue;
    WantedPipeline removed;
    removed.wish = Wish::pause;
    if (auto one = report(name, removed)) all.push_back(*std::move(one));
  }
  return all;
}

std::optional<ManagedPipelines::Report> ManagedPipelines::report(const std::string& name, const WantedPipeline& wanted) const {
  Report told;
  StatusRow& row = told.row;
  row.pipeline = status_key(name);
  row.owner = options_.owner;
  const auto own_fence = held_.fences.find(name);
  if (const auto found = entries_.find(name); found != entries_.end()) {
    const Entry& entry = found->second;
    if (own_fence == held_.fences.end()) return std::nullopt;  // it has another speaker now
    row.fence = own_fence->second;
    row.restarts = entry.restarts;
    row.reason = entry.reason;
    row.state = entry.stopping ? "stopping" : entry.draining ? "draining" : "";
    row.healed_by_time = entry.healed_by_time;
    told.runner = entry.runner;
    return told;
  }
  // Nothing runs here, and nobody else speaks for it.
  if (own_fence == held_.fences.end() && (!speaks_for_all() || held_.elsewhere.contains(name))) return std::nullopt;
  const auto last = held_.free.find(name);
  row.fence = own_fence != held_.fences.end() ? own_fence->second : last != held_.free.end() ? last->second : 0;
  switch (wanted.wish) {
    case Wish::pause:
      row.state = "paused";
      row.reason = "desired is PAUSE";
      break;
    case Wish::invalid:
      row.state = "invalid";
      row.reason = "its rows cannot be used";
      if (wanted.error) set_error(row, *wanted.error);
      break;
    case Wish::start:
      row.state = shutting_down_ ? "stopped" : "waiting";
      row.reason = shutting_down_ ? "luge stopped" : "a process is about to take it";
      break;
  }
  return told;
}

}  // namespace luge
