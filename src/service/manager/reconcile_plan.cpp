#include "service/manager/reconcile_plan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace luge {

namespace {

using What = TaskAction::What;

/// Why it must not run here; nullopt: it must run.
std::optional<std::string> why_not(const WantedPipeline* wanted, bool shutting_down) {
  if (shutting_down) return "luge stops";
  if (wanted == nullptr) return "its row was removed";
  switch (wanted->wish) {
    case WantedPipeline::Wish::pause: return "desired is PAUSE";
    case WantedPipeline::Wish::invalid: return wanted->error ? wanted->error->what : "its row is invalid";
    case WantedPipeline::Wish::start: break;
  }
  if (!wanted->held) return "this process has no lease of it";
  if (wanted->hand_over) return "it is handed over to another process";
  return std::nullopt;
}

class Planner {
 public:
  Planner(Instant now, bool shutting_down, ReconcilePlan& out) : now_(now), shutting_down_(shutting_down), out_(out) {}

  void plan(const std::string& name, const WantedPipeline* wanted, const TaskView* task) {
    const auto unwanted = why_not(wanted, shutting_down_);
    if (task == nullptr) {
      if (!unwanted) act(What::start, name, "desired is START");
    } else if (task->ended) {
      plan_ended(name, unwanted, wanted, *task);
    } else {
      plan_running(name, unwanted, wanted, *task);
    }
  }

 private:
  void act(What what, const std::string& name, std::string reason) { out_.actions.push_back({what, name, std::move(reason)}); }
  /// True: `at` is here; otherwise the plan is to be made again then.
  bool due(Instant at) {
    if (now_ >= at) return true;
    out_.next_look = std::min(out_.next_look, at);
    return false;
  }

  void plan_running(const std::string& name, const std::optional<std::string>& unwanted, const WantedPipeline* wanted, const TaskView& task) {
    if (task.stopping) return;
    if (!task.held) {  // another process may have begun already: there is no time for draining
      act(What::stop, name, "its lease was lost");
    } else if (task.draining) {
      if (due(task.drain_deadline)) act(What::stop, name, "it did not drain in time");
    } else if (unwanted) {
      act(What::drain, name, *unwanted);
    } else if (*task.spec != wanted->spec) {
      act(What::drain, name, "changed: " + changed_fields(*task.spec, wanted->spec));
    }
  }

  void plan_ended(const std::string& name, const std::optional<std::string>& unwanted, const WantedPipeline* wanted, const TaskView& task) {
    if (unwanted) {
      act(What::forget, name, *unwanted);
    } else if (*task.spec != wanted->spec) {
      act(What::start, name, "changed: " + changed_fields(*task.spec, wanted->spec));
    } else if (task.version != wanted->version) {
      act(What::start, name, "its row was written again");
    } else if (task.draining || task.stopping) {
      act(What::start, name, "wanted again");
    } else if (task.error && task.error->exit_code == ExitCode::operator_decision) {
      return;  // whatever it waits for, trying again decides nothing
    } else if (due(task.retry_at)) {
      act(What::start, name, task.error ? "again after an error: " + task.error->code : "it ended by itself");
    }
  }

  const Instant now_;
  const bool shutting_down_;
  ReconcilePlan& out_;
};

template <class Map>
auto find_or_null(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

ReconcilePlan plan_reconciliation(const std::map<std::string, WantedPipeline>& wanted, const std::map<std::string, TaskView>& tasks, Instant now,
                                  bool shutting_down) {
  std::set<std::string> names;
  for (const auto& [name, pipeline] : wanted) names.insert(name);
  for (const auto& [name, task] : tasks) names.insert(name);
  ReconcilePlan out;
  Planner planner(now, shutting_down, out);
  for (const std::string& name : names) planner.plan(name, find_or_null(wanted, name), find_or_null(tasks, name));
  return out;
}

}  // namespace luge
