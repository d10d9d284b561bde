#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <unistd.h>

#include "app/pipeline_host.h"
#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/verbs.h"
#include "app/verify/verify_report.h"
#include "app/verify/verify_service.h"

namespace luge {

namespace {

/// One line on a terminal that says which table is read.
void show_table(const std::string& name) {
  if (::isatty(STDERR_FILENO) == 1) std::fprintf(stderr, "\r\033[2Kcomparing %s", name.c_str());
}
void clear_table() {
  if (::isatty(STDERR_FILENO) == 1) std::fputs("\r\033[2K", stderr);
}

std::string words_text(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ",") + name;
  return out;
}

/// Nobody runs: a pipeline of this process feeds the mirror until both sides have been compared. It takes in no new table and releases none.
Result<VerifyReport> verify_embedded(Options options, const PipelinePlaces& places, std::unique_ptr<OfflineMirror> mirror) {
  if (mirror->state() && mirror->state()->paused) return not_while_paused();
  TRY(const ConnectionOptions source, find_source(options, mirror->state()));
  const bool empty = mirror->frontier().tables.empty();
  options.mode = mirror->log_mode() ? "log" : "mirror";
  mirror.reset();
  if (empty) return fatal("no_mirror", "the mirror has no tables yet", "start luge run");
  TRY(const auto host, PipelineHost::open(options, places, std::nullopt, source));
  Status ended = ok();
  std::atomic<bool> running{true};
  std::jthread pipeline([&] {
    ended = host->run();
    running = false;
  });
  const auto settled = [&] {
    const std::string state = host->driver().status().state;
    return state == "live" || state == "paused";
  };
  while (running && !settled()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  Result<VerifyReport> report =
      running ? verify_host(*host, words_text(options.arguments), options.keys, [](const TableName& table) { show_table(to_string(table)); })
              : Result<VerifyReport>(fatal("not_running", "the pipeline ended before it could be compared"));
  host->driver().request_drain();
  pipeline.join();
  if (!ended && !report) return ended.error();
  return report;
}

}  // namespace

Result<ExitCode> verify_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(Reached reached, reach(options, places));
  VerifyReport report;
  if (reached.running) {
    const ControlRequest request{"verify", {{"tables", words_text(options.arguments)}, {"keys", std::to_string(options.keys)}}};
    auto answer = reached.running->call(request, [](const std::string& line) {
      show_table(nlohmann::json::parse(line, nullptr, false).value("table", ""));
      return true;
    });
    clear_table();
    if (!answer) return answer.error();
    TRY(report, parse_verify_report(*answer));
  } else {
    auto compared = verify_embedded(options, places, std::move(reached.offline));
    clear_table();
    if (!compared) return compared.error();
    report = std::move(*compared);
  }
  std::fputs(options.json ? (to_json(report) + "\n").c_str() : to_text(report).c_str(), stdout);
  return report.exit_code();
}

}  // namespace luge
