#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/control_service.h"
#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/verbs.h"

namespace luge {

namespace {

/// Nobody runs: the mirror itself remembers that the tables are to be copied again.
Result<std::vector<std::string>> resync_later(OfflineMirror& mirror, const std::string& pattern) {
  std::vector<TableName> known;
  for (const TableRecord& table : mirror.frontier().tables) {
    if (table.state != TableState::dropped) known.push_back(table.name);
  }
  TRY(const std::vector<TableName> tables, match_tables(pattern, known));
  CHECK_OK(mirror.resync(tables));
  std::vector<std::string> names;
  for (const TableName& table : tables) names.push_back(to_string(table));
  return names;
}

}  // namespace

Result<ExitCode> resync_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(Reached reached, reach(options, places));
  const std::string& pattern = options.arguments.front();
  const bool running = reached.running.has_value();
  std::vector<std::string> tables;
  if (running) {
    TRY(const std::string answer, reached.running->call({"resync", {{"table", pattern}}}));
    tables = nlohmann::json::parse(answer).at("resync").get<std::vector<std::string>>();
  } else {
    TRY(tables, resync_later(*reached.offline, pattern));
  }
  if (options.json) {
    const nlohmann::ordered_json document{{"resync", tables}, {"running", running}};
    std::printf("%s\n", document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    return ExitCode::done;
  }
  const char* const what = running ? "is copied again" : "will be copied again by the next luge run (none runs now)";
  for (const std::string& table : tables) std::printf("%s %s; its present rows stay readable until then\n", table.c_str(), what);
  if (running) std::printf("luge status shows how far it is\n");
  return ExitCode::done;
}

}  // namespace luge
