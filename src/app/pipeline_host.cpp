#include "app/pipeline_host.h"

#include "app/control_service.h"
#include "app/destination_registry.h"
#include "app/driver_options.h"
#include "app/last_run.h"
#include "app/run_admin.h"
#include "app/snapshot_refresher.h"
#include "base/clock.h"
#include "source/slot.h"

namespace luge {

Result<std::unique_ptr<PipelineHost>> PipelineHost::open(const Options& options, const PipelinePlaces& places,
                                                         const std::optional<TableSelection>& selection, const ConnectionOptions& source,
                                                         std::optional<InstanceLock> lock, std::shared_ptr<SchemaCache> schema_cache) {
  CHECK_OK(make_private_directory(places.directory));
  if (!lock) {
    TRY(lock, InstanceLock::acquire_patiently(places.lock));
  }
  std::unique_ptr<PipelineHost> host(new PipelineHost(options, places, selection, source, std::move(*lock)));
  TRY(host->state_, open_state(places));
  TRY(host->destination_, make_destination(places, options, *host->state_.ledger));
  DriverOptions driver = make_driver_options(options, places, selection, source);
  driver.schema_cache = std::move(schema_cache);
  host->driver_ = std::make_unique<Driver>(std::move(driver), *host->destination_, *host->state_.store);
  return host;
}

PipelineHost::~PipelineHost() = default;

Status PipelineHost::run() {
  TRY(const auto server, ControlServer::listen(places_.socket, make_control_handler(*this)));
  TRY(const auto admin, RunAdmin::start(*this));
  const SnapshotRefresher snapshot(*driver_, options_.snapshot);
  Status ended = driver_->run();
  // Ends what reads the mirror for the snapshot file and for the clients of the control socket, which are waited for at the end.
  const Status closed = destination_->close();
  if (ended && !closed) ended = closed;
  if (!ended) note_end(places_.directory, ended.error());
  return ended;
}

PipelineReport PipelineHost::report() const { return report_of(driver_->status()); }
PipelineReport PipelineHost::last_report() const { return report_of(driver_->last_status()); }

PipelineReport PipelineHost::report_of(DriverStatus status) const {
  PipelineReport report;
  report.name = options_.pipeline;
  report.source = source_text_;
  report.destination = places_.destination.text();
  report.mode = options_.mode;
  report.slot = default_slot_name(options_.pipeline);
  report.driver = std::move(status);
  report.health = destination_->health();
  return report;
}

StatusDocument PipelineHost::status() const { return document_of(report(), SystemClock().wall_now()); }

}  // namespace luge
