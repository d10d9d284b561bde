#include <cstdio>

#include "app/last_error.h"
#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/status_document.h"
#include "app/verbs.h"
#include "source/slot.h"

namespace luge {

namespace {

/// What files tell of a luge that does not run.
StatusDocument offline_status(const Options& options, const PipelinePlaces& places, const OfflineMirror& mirror) {
  StatusDocument document;
  document.pipeline = options.pipeline;
  document.destination = places.destination.text();
  document.state = "not_running";
  document.mode = mirror.log_mode() ? "log" : "mirror";
  document.slot.name = default_slot_name(options.pipeline);
  const Lsn durable = std::max(mirror.frontier().checkpoint.end_lsn, mirror.frontier().intent);
  document.durable = document.received = to_string(durable);
  document.acknowledged = to_string(Lsn{});
  document.server = to_string(Lsn{});
  if (mirror.state()) {
    document.source = mirror.state()->source;
    document.acknowledged = to_string(mirror.state()->ack_intent);
  }
  document.error = load_last_error(places.directory);
  fill_tables(document, mirror.frontier().tables, durable);
  return document;
}

}  // namespace

Result<ExitCode> status_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(Reached reached, reach(options, places));
  std::string json;
  if (reached.running) {
    TRY(json, reached.running->call({"status", {}}));
  } else {
    json = to_json(offline_status(options, places, *reached.offline));
  }
  TRY(const StatusDocument document, parse_status(json));
  std::fputs(options.json ? (json + "\n").c_str() : to_text(document).c_str(), stdout);
  return ExitCode::done;
}

}  // namespace luge
