#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/serve/running_hosts.h"
#include "base/clock.h"
#include "service/admin_view.h"
#include "service/alert/alert_manager.h"
#include "service/catalog/pipeline_catalog.h"
#include "service/manager/pipeline_manager.h"
#include "service/wal/wal_monitor.h"

namespace luge {

/// What the monitor knows of a source, as metrics, API and console show it.
SourceReport source_report(const WalReport& report);

/// Console, API and metrics of `luge serve`: the manager's pipelines, those that run here in full, the others by their status rows.
/// Everything that is passed outlives it.
class ServiceView final : public AdminView {
 public:
  ServiceView(PipelineCatalog& catalog, const PipelineManager& manager, const RunningHosts& hosts, const WalMonitor& monitor,
              const AlertManager& alerts, const Clock& clock)
      : catalog_(catalog), manager_(manager), hosts_(hosts), monitor_(monitor), alerts_(alerts), clock_(clock) {}

  std::vector<PipelineReport> pipelines() const override;
  std::vector<PipelineReport> all_pipelines() const override;
  std::optional<PipelineReport> pipeline(std::string_view name) const override;
  std::vector<SourceReport> sources() const override;
  AlertReport alerts() const override;
  Status ready() const override;
  Status pause(const std::string& pipeline) override { return set_desired(pipeline, "PAUSE"); }
  Status resume(const std::string& pipeline) override { return set_desired(pipeline, "START"); }
  Result<std::vector<std::string>> resync(const std::string& pipeline, const std::string& pattern) override;

 private:
  PipelineReport report_of(const StatusRow& row) const;
  Status set_desired(const std::string& pipeline, const std::string& desired);
  /// The operator's rows, read at most once in two seconds.
  CatalogContents contents() const;
  /// What other processes say of their pipelines. As old at most.
  std::vector<StatusRow> statuses_elsewhere() const;
  PipelineReport report_elsewhere(const StatusRow& row) const;

  PipelineCatalog& catalog_;
  const PipelineManager& manager_;
  const RunningHosts& hosts_;
  const WalMonitor& monitor_;
  const AlertManager& alerts_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  mutable CatalogContents contents_;
  mutable std::optional<Instant> read_at_;
  mutable std::vector<StatusRow> statuses_;
  mutable std::optional<Instant> statuses_read_at_;
};

}  // namespace luge
