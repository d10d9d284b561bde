#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/retry_policy.h"
#include "service/catalog/pipeline_catalog.h"
#include "service/catalog/pipeline_leases.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_text.h"
#include "service/manager/pipeline_task.h"

namespace luge {

struct ManagerOptions {
  std::string owner;  ///< of this process: host, process id and something random
  Duration drain_timeout = std::chrono::seconds(30);    ///< then a draining pipeline is stopped
  Duration stop_grace = std::chrono::seconds(5);        ///< at the end: how long stopped pipelines are waited for
  Duration heartbeat_interval = std::chrono::seconds(5);
  Duration lease_time_to_live = std::chrono::seconds(5);
  Duration lease_renew_interval = std::chrono::milliseconds(1500);
  /// Between the end of a pipeline and its next start: after errors that time may heal, and after those that only somebody can.
  RetryPolicy::Options restart_after_transient{std::chrono::seconds(1), std::chrono::seconds(60), std::chrono::minutes(5)};
  RetryPolicy::Options restart_after_fatal{std::chrono::seconds(10), std::chrono::minutes(5), std::chrono::minutes(30)};
  std::uint64_t seed = 1;  ///< of the jitter
};

/// Runs the pipelines of a catalog: starts, drains and stops tasks as rows and leases say (reconcile_plan.h), writes what it sees into
/// pipeline_status. run() blocks; everything else may be called from other threads.
class PipelineManager {
 public:
  /// Catalog, leases and clock must outlive it.
  PipelineManager(ManagerOptions options, PipelineCatalog& catalog, PipelineLeases& leases, SecretResolver secrets, SpecRules rules,
                  TaskFactory factory);
  /// Waits for tasks that did not end when run() returned "tasks_stuck": a process that must end then does not destroy it.
  ~PipelineManager();

  /// Until told to drain. Errors: "tasks_stuck": some pipelines did not even stop; their data is safe, since nothing was acknowledged for them.
  Status run();

  /// SIGTERM: every pipeline drains within its deadline, then run() returns. Callable from a signal handler.
  void request_drain();
  /// SIGHUP: secrets are read again, and pipelines that wait for an operator, or for their backoff, are tried again. Callable from a signal handler.
  void request_reload();

  /// What pipeline_status was last told, for pipelines this process speaks for. By name.
  std::vector<StatusRow> statuses() const;
  /// Of the catalog as the manager has read it; 0: not yet.
  std::int64_t catalog_revision() const;
  /// How often request_reload() was followed.
  std::uint64_t reloads() const;
  /// Of the processes on one catalog this is the one that tells what is nobody's own.
  bool speaks_for_all() const;
  /// The catalog, or the store of the leases, does not answer now.
  std::optional<Error> trouble() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
