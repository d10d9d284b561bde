#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/serve/catalog_glance.h"
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

/// Console, API and metrics of `luge serve`: the manager's pipelines, those that run here in full, the others by their status rows. What the
/// catalog says of them is as old as it last answered. Everything that is passed outlives it.
class ServiceView final : public AdminView {
 public:
  ServiceView(PipelineCatalog& catalog, const PipelineManager& manager, const RunningHosts& hosts, const WalMonitor& monitor,
              const AlertManager& alerts, const Clock& clock)
      : catalog_(catalog), manager_(manager), hosts_(hosts), monitor_(monitor), alerts_(alerts), clock_(clock), glance_(catalog, clock) {}

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
  /// Of a pipeline this process speaks for.
  PipelineReport report_here(const StatusRow& row) const;
  /// What other processes say of theirs.
  std::vector<PipelineReport> reports_elsewhere() const;
  Status set_desired(const std::string& pipeline, const std::string& desired);

  PipelineCatalog& catalog_;
  const PipelineManager& manager_;
  const RunningHosts& hosts_;
  const WalMonitor& monitor_;
  const AlertManager& alerts_;
  const Clock& clock_;
  mutable CatalogGlance glance_;  ///< its own locking
};

}  // namespace luge
