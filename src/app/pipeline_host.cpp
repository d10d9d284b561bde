#include "app/pipeline_host.h"

#include <unistd.h>

#include "app/control_service.h"
#include "app/destination_registry.h"
#include "app/driver_options.h"
#include "app/last_run.h"
#include "app/snapshot_refresher.h"
#include "base/clock.h"
#include "source/slot.h"

namespace luge {

Result<std::unique_ptr<PipelineHost>> PipelineHost::open(const Options& options, const PipelinePlaces& places,
                                                         const std::optional<TableSelection>& selection, const ConnectionOptions& source,
                                                         std::optional<InstanceLock> lock) {
  CHECK_OK(make_private_directory(places.directory));
  if (!lock) {
    TRY(lock, InstanceLock::acquire_patiently(places.lock));
  }
  std::unique_ptr<PipelineHost> host(new PipelineHost(options, places, selection, source, std::move(*lock)));
  TRY(host->state_, open_state(places));
  TRY(host->destination_, make_destination(places, options, *host->state_.ledger));
  host->driver_ = std::make_unique<Driver>(make_driver_options(options, places, selection, source), *host->destination_, *host->state_.store);
  return host;
}

PipelineHost::~PipelineHost() = default;

Status PipelineHost::run() {
  TRY(const auto server, ControlServer::listen(places_.socket, make_control_handler(*this)));
  const SnapshotRefresher snapshot(*driver_, options_.snapshot);
  Status ended = driver_->run();
  // Ends what reads the mirror for the snapshot file and for the clients of the control socket, which are waited for at the end.
  const Status closed = destination_->close();
  if (ended && !closed) ended = closed;
  if (!ended) note_end(places_.directory, ended.error());
  return ended;
}

StatusDocument PipelineHost::status() const {
  StatusDocument document = make_status(driver_->status(), SystemClock().wall_now(), destination_->health());
  document.pipeline = options_.pipeline;
  document.source = source_.redacted();
  document.destination = places_.destination.text();
  document.mode = options_.mode;
  document.pid = ::getpid();
  document.slot.name = default_slot_name(options_.pipeline);
  return document;
}

}  // namespace luge
