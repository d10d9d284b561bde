#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/serve/alert_keeper.h"
#include "app/serve/running_hosts.h"
#include "app/serve/source_relief.h"
#include "base/clock.h"
#include "postgres/connection_options.h"
#include "service/alert/alert_manager.h"
#include "service/catalog/pipeline_catalog.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_text.h"
#include "service/manager/pipeline_manager.h"
#include "service/wal/wal_limits.h"
#include "service/wal/wal_monitor.h"

namespace luge {

/// What is wrong with one pipeline, as its status row and, if it runs here, its driver and destination say. Pure. `stopped_for`: with errors that
/// time may heal.
std::vector<Alert> alerts_of(const StatusRow& row, const PipelineReport* report, Duration freshness, Duration stopped_for, PgTimestamp now);

/// On a thread of its own, every two seconds: tells the alert manager what is wrong with the pipelines, the monitor which sources there
/// are, and the pipelines what the WAL of their source calls for. Everything that is passed outlives it.
class ServiceWatch {
 public:
  struct Parts {
    PipelineCatalog& catalog;
    const SecretResolver& secrets;
    const PipelineManager& manager;
    RunningHosts& hosts;
    AlertManager& alerts;
    AlertKeeper& keeper;
    WalMonitor& monitor;
    const Clock& clock;
    std::string host;  ///< that this process runs on, for people
  };
  ServiceWatch(Parts parts, WalLimits limits, Duration freshness);
  ~ServiceWatch();

 private:
  using Told = std::map<std::string, std::vector<Alert>>;  ///< what is wrong, by scope

  void run(const std::stop_token& stop);
  void tell(Told told);
  void add_pipelines(Told& told);
  void add_sources(Told& told);
  void adopt(const Told& told);
  void leave(const std::string& scope);
  void tell_of_service();
  /// Its pipeline or source is gone, and this process is the one to say that it is over.
  bool is_orphan(std::string_view scope) const;
  void watch_sources();
  Result<ConnectionOptions> connection_of(const SourceRow& row) const;
  /// The rows or the secrets behind them may be others than at the last look.
  bool sources_may_have_changed();
  Duration stopped_for(const StatusRow& row);

  const Parts parts_;
  const WalLimits limits_;
  const Duration freshness_;
  SourceRelief relief_;         ///< what follows: of the thread
  std::set<std::string, std::less<>> told_;          ///< scopes that this process speaks for
  std::set<std::string, std::less<>> not_adopted_;  ///< those of them where it does not know yet what receivers were told before
  std::set<std::string> orphans_;                    ///< scopes whose end is this process's to tell
  bool look_for_orphans_ = true;
  bool spoke_ = false;  ///< for all
  std::optional<Instant> lacking_since_;  ///< its own catalog or leases
  std::int64_t revision_ = -1;
  std::uint64_t reloads_ = 0;
  std::optional<Instant> resolved_at_;  ///< the secrets of the sources
  std::map<std::string, Instant> unread_since_;   ///< sources
  std::map<std::string, Instant> stopped_since_;  ///< pipelines
  std::set<std::string> watched_;
  std::set<std::string> pipelines_;  ///< of the catalog
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  ///< last: ends before what it uses
};

}  // namespace luge
