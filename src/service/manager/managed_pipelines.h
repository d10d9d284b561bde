#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/retry_policy.h"
#include "service/manager/lease_keeper.h"
#include "service/manager/pipeline_manager.h"
#include "service/manager/reconcile_plan.h"
#include "service/manager/task_runner.h"

namespace luge {

/// The manager's own picture: what is wanted of every pipeline, which tasks there are. Of one thread, the manager's; the runners inside may
/// be shared.
class ManagedPipelines {
 public:
  /// A pipeline this process has a status to tell about.
  struct Report {
    StatusRow row;                       ///< without what the task itself knows
    std::shared_ptr<TaskRunner> runner;  ///< null: nothing runs
  };

  /// On a task's thread `ended` is called when it is over, `changed` when its state has become another one.
  ManagedPipelines(const ManagerOptions& options, const Clock& clock, TaskFactory factory, std::function<void()> ended,
                   std::function<void()> changed);

  /// New rows, or the same with secrets read again. A running pipeline whose own row was written again with START goes on, whoever had paused
  /// it by hand.
  void want(const CatalogContents& contents, const SecretResolver& secrets, const SpecRules& rules);
  void set_leases(const LeaseKeeper::Held& held);
  /// A secret of some pipeline could not be read: want() should be called again before long.
  bool secrets_unread() const;
  /// Ended tasks are tried again whatever they wait for.
  void retry_now();

  /// Carries out one plan. Returns when time alone changes the next one.
  Instant reconcile(bool shutting_down);

  /// Pipelines somebody has to run, and those whose task has not ended.
  std::set<std::string> active() const;
  std::set<std::string> busy() const;
  std::vector<std::string> unfinished() const;  ///< by name
  /// Of all processes this is the one that tells about pipelines nobody runs, and forgets statuses without a pipeline.
  bool speaks_for_all() const { return held_.known && held_.first; }
  /// The keys of pipeline_status that have a pipeline.
  std::vector<std::string> status_keys() const;
  std::vector<Report> reports() const;

 private:
  struct Entry {
    std::shared_ptr<TaskRunner> runner;
    std::int64_t version = 0;
    WantedPipeline::OwnRow own_row;
    bool draining = false;
    bool stopping = false;
    Instant drain_deadline;
    bool end_seen = false;
    bool healed_by_time = false;  ///< what it ended with last
    Instant retry_at;
    RetryPolicy transient, fatal;
    std::uint64_t restarts = 0;
    std::string reason;
  };
  void notice_ends();
  void note_end(const std::string& name, Entry& entry, const std::optional<Error>& error);
  void carry_out(const TaskAction& action);
  void start(const TaskAction& action);
  std::optional<Report> report(const std::string& name, const WantedPipeline& wanted) const;

  const ManagerOptions& options_;
  const Clock& clock_;
  const TaskFactory factory_;
  const std::function<void()> ended_;
  const std::function<void()> changed_;
  SeededRandom random_;
  std::map<std::string, WantedPipeline> wanted_;
  std::map<std::string, Entry> entries_;
  LeaseKeeper::Held held_;
  bool shutting_down_ = false;
};

}  // namespace luge
