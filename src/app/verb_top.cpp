#include <cstdio>

#include "app/control_socket.h"
#include "app/pipeline_places.h"
#include "app/status_text.h"
#include "app/terminal_screen.h"
#include "app/verbs.h"

namespace luge {

namespace {

constexpr auto kInterval = std::chrono::seconds(1);

/// nullopt: luge does not run.
Result<std::optional<StatusDocument>> ask(const PipelinePlaces& places) {
  TRY(auto running, ControlClient::connect(places.socket));
  if (!running) return std::optional<StatusDocument>();
  TRY(const std::string answer, running->call({"status", {}}));
  TRY(StatusDocument document, parse_status(answer));
  return std::optional<StatusDocument>(std::move(document));
}

}  // namespace

Result<ExitCode> top_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(auto document, ask(places));
  if (!document) return fatal("not_running", "luge does not run for " + places.destination.text(), "luge status says what the files hold");
  const TerminalScreen screen;
  while (true) {
    screen.show(to_text(*document));
    if (std::ferror(stdout) != 0 || !screen.wait(kInterval)) return ExitCode::done;
    auto next = ask(places);
    if (!next || !*next) break;  // it ended, perhaps while it was asked
    document = std::move(*next);
  }
  std::printf("luge has ended\n");
  return ExitCode::done;
}

}  // namespace luge
