#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/control_socket.h"
#include "app/pipeline_places.h"
#include "app/verbs.h"

namespace luge {

Result<ExitCode> resync_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(auto running, ControlClient::connect(places.socket));
  if (!running) {
    return fatal("not_running", "luge does not run for " + places.destination.text() + ", and resync is done by the running one",
                 "start luge run, then ask again");
  }
  TRY(const std::string answer, running->call({"resync", {{"table", options.arguments.front()}}}));
  if (options.json) {
    std::fputs((answer + "\n").c_str(), stdout);
    return ExitCode::done;
  }
  const auto document = nlohmann::json::parse(answer);
  for (const auto& table : document.at("resync")) {
    std::printf("%s is copied again; its present rows stay readable until then. luge status shows how far it is.\n",
                table.get<std::string>().c_str());
  }
  return ExitCode::done;
}

}  // namespace luge
