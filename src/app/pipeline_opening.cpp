#include "app/pipeline_opening.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "app/control_socket.h"
#include "app/destination_registry.h"
#include "app/last_run.h"
#include "app/preflight_report.h"
#include "app/reach.h"
#include "app/usage_error.h"

namespace luge {

namespace {

Status check_snapshot(const Options& options, const PipelinePlaces& places) {
  if (options.snapshot.empty()) return ok();
  if (places.destination.kind != DestinationName::Kind::duckdb) return usage_error("--snapshot is for a DuckDB mirror", "use --to duckdb:PATH");
  std::error_code ignored;
  if (std::filesystem::weakly_canonical(options.snapshot, ignored).string() != places.destination.path) return ok();
  return usage_error("--snapshot " + options.snapshot + " is the mirror itself", "name another file");
}

}  // namespace

Result<PipelineOpening> prepare_pipeline(const Options& options, const Environment& environment, Error (*refusal)(const Preflight&)) {
  TRY(PipelinePlaces places, find_places(options, environment));
  CHECK_OK(check_snapshot(options, places));
  CHECK_OK(check_destination(places, options));
  TRY(TableSelection selection, TableSelection::parse(options.tables));
  TRY(ConnectionOptions source, find_source(options, load_state(options, places)));
  TRY(const auto other, ControlClient::connect(places.socket));
  if (other)
    return fatal("running", "luge runs for " + places.destination.text() + " already",
                 "luge status --to " + places.destination.text() + " shows how it is");
  std::optional<InstanceLock> lock;
  if (std::filesystem::is_directory(places.directory)) {
    TRY(lock, InstanceLock::acquire_patiently(places.lock));
  }
  Preflight preflight = examine({options, places, selection, source});
  if (preflight.exit_code() != ExitCode::done) {
    if (lock && preflight.gap) note_end(places.directory, *preflight.gap);
    return refusal(preflight);
  }
  return PipelineOpening{std::move(places), std::move(selection), std::move(source), std::move(lock), std::move(preflight), nullptr};
}

Result<std::unique_ptr<PipelineHost>> open_pipeline(const Options& options, PipelineOpening opening) {
  const std::string directory = opening.places.directory;
  TRY(auto host, PipelineHost::open(options, opening.places, opening.selection, opening.source, std::move(opening.lock), opening.schema_cache));
  note_run(directory, options.tables);
  return host;
}

}  // namespace luge
