#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/state_registry.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "service/catalog/pipeline_spec.h"
#include "state/private_path.h"
#include "state/state_record_json.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 1;

/// Nobody may work with the state meanwhile.
Result<InstanceLock> lock_state(const Options& options, const PipelinePlaces& places) {
  TRY(auto reached, reach_state(places));
  if (reached.running) {
    return fatal("running", "luge runs for " + places.destination.text() + ": its state changes all the time",
                 "stop it first; it takes the moved state with the next start");
  }
  if (reached.lock) return std::move(*reached.lock);
  if (options.arguments.front() == "export") {
    return fatal("no_pipeline", "luge has never run for " + places.destination.text(), "give --to, --pipeline and --state as luge run has them");
  }
  CHECK_OK(make_private_directory(places.directory));
  return InstanceLock::acquire_patiently(places.lock);
}

/// New, and readable by its owner only: what it says of the source is nobody else's business.
Status write_export(const std::string& path, const std::string& text) {
  const auto trouble = write_new_private_file(path, text);
  if (!trouble) return ok();
  return fatal("file", "cannot write " + path + ": " + std::strerror(trouble->number),
               trouble->number == EEXIST ? "name a file that is not there yet" : "free space, or name a file elsewhere");
}

Result<std::string> read_all(const std::string& path) {
  std::ostringstream text;
  if (path.empty()) {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error("luge state import: cannot read " + path, "");
  text << file.rdbuf();
  return text.str();
}

Result<ExitCode> export_state(const Options& options, const PipelinePlaces& places) {
  TRY(const OpenedState state, open_existing_state(places));
  TRY(const auto record, state.store->load(options.pipeline));
  if (!record) {
    return fatal("no_pipeline", "there is no pipeline " + options.pipeline + " in " + places.state,
                 "give --to, --pipeline and --state as luge run has them");
  }
  TRY(const auto ledger, state.ledger->load_ledger(options.pipeline));
  ordered_json entries = ordered_json::object();
  for (const auto& [key, value] : ledger) entries[key] = value;
  const ordered_json document{
      {"luge_state", kVersion}, {"pipeline", options.pipeline}, {"record", ordered_json::parse(encode_state_record(*record))}, {"ledger", entries}};
  const std::string text = document.dump(2) + "\n";
  if (options.file.empty()) {
    std::fputs(text.c_str(), stdout);
  } else {
    CHECK_OK(write_export(options.file, text));
    std::fprintf(stderr, "the state of %s is in %s\n", options.pipeline.c_str(), options.file.c_str());
  }
  return ExitCode::done;
}

Result<ExitCode> import_state(const Options& options, const PipelinePlaces& places) {
  TRY(const std::string text, read_all(options.file));
  const ordered_json document = ordered_json::parse(text, nullptr, false);
  const auto malformed = [] { return fatal("bad_document", "this is no state that luge state export has written", "see luge state --help"); };
  if (!document.is_object() || document.value("luge_state", ordered_json()) != kVersion || !document.contains("record") ||
      !document["record"].is_object())
    return malformed();
  if (document.value("pipeline", ordered_json()) != options.pipeline) {
    return fatal("other_pipeline", "this is the state of another pipeline", "give --pipeline as it was when it was exported");
  }
  TRY(const StateRecord record, decode_state_record(document["record"].dump()));
  std::vector<LedgerChange> ledger;
  const ordered_json entries = document.value("ledger", ordered_json::object());
  for (const auto& [key, value] : entries.items()) {
    if (!value.is_string()) return malformed();
    ledger.push_back({key, value.get<std::string>()});
  }
  TRY(const OpenedState state, open_state(places));
  TRY(const auto there, state.store->load(options.pipeline));
  TRY(const auto known, state.ledger->load_ledger(options.pipeline));
  if (there || !known.empty()) {
    return fatal("exists", places.state + " holds a state of pipeline " + options.pipeline + " already",
                 "import into another --state; to go on with the one that is there, import nothing");
  }
  TRY(const Lease lease, state.store->acquire(options.pipeline));
  // The ledger first: a record without it would be taken for a pipeline whose ledger was lost.
  if (!ledger.empty()) CHECK_OK(state.ledger->save_ledger(options.pipeline, lease.fence, ledger));
  CHECK_OK(state.store->save(lease, record));
  std::fprintf(stderr, "the state of %s is in %s; start luge with this --state, and never again with the old one\n", options.pipeline.c_str(),
               places.state.c_str());
  return ExitCode::done;
}

}  // namespace

Result<ExitCode> state_verb(const Options& options, const Environment& environment) {
  const std::string& action = options.arguments.front();
  if (action != "export" && action != "import") {
    return usage_error("luge state: there is no action " + shown_word(action), suggestion(action, {"export", "import"}));
  }
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(const InstanceLock lock, lock_state(options, places));
  return action == "export" ? export_state(options, places) : import_state(options, places);
}

}  // namespace luge
