#include <cstdio>

#include "app/last_run.h"
#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/status_text.h"
#include "app/verbs.h"
#include "base/log.h"
#include "postgres/connection.h"
#include "service/status_document.h"
#include "source/session.h"
#include "source/slot.h"

namespace luge {

namespace {

/// What files tell of a luge that does not run.
StatusDocument offline_status(const Options& options, const PipelinePlaces& places, const OfflineMirror& mirror, Lsn durable) {
  StatusDocument document;
  document.pipeline = options.pipeline;
  document.destination = places.destination.text();
  document.state = "not_running";
  document.mode = mirror.log_mode() ? "log" : "mirror";
  document.slot.name = default_slot_name(options.pipeline);
  document.durable = document.received = to_string(durable);
  document.acknowledged = to_string(Lsn{});
  if (mirror.state()) {
    document.source = mirror.state()->source;
    document.paused = mirror.state()->paused;
    document.acknowledged = to_string(mirror.state()->ack_intent);
  }
  document.error = load_last_run(places.directory).error;
  fill_tables(document, mirror.frontier().tables, durable);
  return document;
}

/// The slot and the lag, when the user says where to ask. Not being answered is no failure of the verb: it says what it knows.
Status ask_source(const Options& options, StatusDocument& document, Lsn durable) {
  TRY(const ConnectionOptions source, ConnectionOptions::parse(options.source, options.pipeline));
  document.source = source.redacted();
  auto sql = Connection::open(source);
  const auto facts = sql ? read_slot_facts(*sql, document.slot.name) : Result<SessionFacts>(sql.error());
  if (facts) {
    fill_source(document, *facts, durable);
  } else {
    log_event(LogLevel::warn, "source_not_asked", facts.error().what, {{"code", facts.error().code}, {"hint", facts.error().hint}});
  }
  return ok();
}

}  // namespace

Result<ExitCode> status_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(Reached reached, reach(options, places));
  std::string json;
  if (reached.running) {
    TRY(json, reached.running->call({"status", {}}));
  } else {
    const Frontier& frontier = reached.offline->frontier();
    const Lsn durable = std::max(frontier.checkpoint.end_lsn, frontier.intent);
    StatusDocument document = offline_status(options, places, *reached.offline, durable);
    reached.offline.reset();  // a luge that starts meanwhile need not wait for the source's answer
    if (!options.source.empty()) CHECK_OK(ask_source(options, document, durable));
    json = to_json(document);
  }
  TRY(const StatusDocument document, parse_status(json));
  std::fputs(options.json ? (json + "\n").c_str() : to_text(document).c_str(), stdout);
  return ExitCode::done;
}

}  // namespace luge
