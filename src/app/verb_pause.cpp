#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/state_registry.h"
#include "app/verbs.h"

namespace luge {

namespace {

/// For the next run, while nobody runs.
Status store_paused(const Options& options, const PipelinePlaces& places, bool paused) {
  TRY(const OpenedState opened, open_existing_state(places));
  const auto& store = opened.store;
  TRY(auto record, store->load(options.pipeline));
  if (!record)
    return fatal("no_pipeline", "there is no pipeline " + options.pipeline + " in " + places.state,
                 "give --to, --pipeline and --state as luge run has them");
  record->paused = paused;
  TRY(const Lease lease, store->acquire(options.pipeline));
  return store->save(lease, *record);
}

Result<ExitCode> set_paused(const Options& options, const Environment& environment, bool paused) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(auto reached, reach_state(places));
  const bool running = reached.running.has_value();
  if (running) {
    TRY([[maybe_unused]] const std::string answer, reached.running->call({paused ? "pause" : "resume", {}}));
  } else {
    CHECK_OK(store_paused(options, places, paused));
  }
  if (options.json) {
    std::printf("%s\n", nlohmann::ordered_json{{"pipeline", options.pipeline}, {"paused", paused}, {"running", running}}.dump().c_str());
  } else if (paused) {
    std::printf("%s is paused until luge resume, also over restarts%s; the source keeps its WAL meanwhile\n", options.pipeline.c_str(),
                running ? "" : " (none runs now)");
  } else {
    std::printf("%s goes on%s\n", options.pipeline.c_str(), running ? "" : " with the next luge run (none runs now)");
  }
  return ExitCode::done;
}

}  // namespace

Result<ExitCode> pause_verb(const Options& options, const Environment& environment) { return set_paused(options, environment, true); }
Result<ExitCode> resume_verb(const Options& options, const Environment& environment) { return set_paused(options, environment, false); }

}  // namespace luge
