#include <algorithm>
#include <atomic>
#include <cstdio>
#include <signal.h>
#include <unistd.h>

#include "app/error_report.h"
#include "app/pipeline_opening.h"
#include "app/preflight_report.h"
#include "app/progress_display.h"
#include "app/run_admin.h"
#include "app/verbs.h"
#include "base/log.h"

namespace luge {

namespace {

std::atomic<Driver*> running_driver{nullptr};
std::atomic<int> signals_received{0};
std::atomic<bool> owes_document{false};  ///< --json, and nothing was printed yet

/// In a signal handler: nothing but write() is allowed there.
void end_at_once(ExitCode code, std::string_view document) {
  if (owes_document.exchange(false)) static_cast<void>(::write(STDOUT_FILENO, document.data(), document.size()) > 0);
  ::_exit(static_cast<int>(code));
}

constexpr std::string_view kNeverBegun =
    "{\"error\":{\"code\":\"stopped\",\"what\":\"luge was told to stop before it had begun\",\"hint\":\"\",\"exit_code\":0}}\n";
constexpr std::string_view kCutShort =
    "{\"error\":{\"code\":\"stopped\",\"what\":\"a second signal ended luge at once; nothing is lost, what was not acknowledged comes again\","
    "\"hint\":\"start luge run again\",\"exit_code\":1}}\n";

/// The first signal drains. The second ends the process at once, which is as safe as a kill: what is not acknowledged comes again.
/// Before there is a driver nothing has begun that would have to end well.
void on_run_signal(int /*number*/) {
  if (signals_received.fetch_add(1) > 0) end_at_once(ExitCode::failed, kCutShort);
  Driver* const driver = running_driver.load();
  if (driver == nullptr) return end_at_once(ExitCode::done, kNeverBegun);
  driver->request_drain();
}

void handle_signals(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

/// The one document of --json; what would come second stays unsaid. A signal cannot cut it short.
void print_document(const std::string& document) {
  handle_signals(SIG_IGN);
  if (owes_document.exchange(false)) std::printf("%s\n", document.c_str());
  std::fflush(stdout);
  handle_signals(on_run_signal);
}

/// While it lives, the first signal drains this driver.
class DrainScope {
 public:
  explicit DrainScope(Driver& driver) { running_driver = &driver; }
  ~DrainScope() { running_driver = nullptr; }
  DrainScope(const DrainScope&) = delete;
  DrainScope& operator=(const DrainScope&) = delete;
};

void announce(const Preflight& preflight, const PipelinePlaces& places, const Options& options, bool terminal) {
  if (terminal) {
    std::fputs(plan_text(preflight, places, options).c_str(), stdout);
    const std::string checks = checks_text(preflight.checks, false);
    std::printf("%s%s\n", checks.empty() ? "" : "\n", checks.c_str());
    return;
  }
  for (const Check& check : preflight.checks) {
    if (check.level == Check::Level::good) continue;
    log_event(check.level == Check::Level::note ? LogLevel::info : LogLevel::warn, "check", check.what, {{"check", check.name}, {"fix", check.fix}});
  }
  log_event(LogLevel::info, "plan", preflight.state ? "resumes" : "copies the tables, then follows them",
            {{"source", preflight.source},
             {"destination", places.destination.text()},
             {"tables", static_cast<std::uint64_t>(preflight.tables.size())},
             {"slot", preflight.slot}});
}

/// 3 when a table waits for a decision, of what --until asked for.
ExitCode exit_code_of_run(const Options& options, const StatusDocument& last) {
  if (options.until.empty() || signals_received.load() > 0) return ExitCode::done;
  return exit_code_of(last);
}

Result<ExitCode> run(const Options& options, const Environment& environment) {
  CHECK_OK(check_http(options));
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1 && !options.json && options.log == "text";
  const LogScope scope(options.log == "json" ? options.pipeline : "");
  TRY(PipelineOpening opening, prepare_pipeline(options, environment, error_of));
  announce(opening.preflight, opening.places, options, terminal);
  TRY(const auto host, open_pipeline(options, std::move(opening)));
  const DrainScope draining(host->driver());
  if (terminal && options.log_level == "info") configure_log(LogFormat::text, LogLevel::warn);  // lines would tear the display apart
  Status ended = ok();
  {
    const ProgressDisplay progress([&] { return host->status(); }, terminal);
    ended = host->run();
  }
  StatusDocument last = host->status();
  if (!ended) last.error = problem_of(ended.error());
  if (options.json) print_document(to_json(last));
  if (!ended) return ended.error();
  return exit_code_of_run(options, last);
}

}  // namespace

Result<ExitCode> run_verb(const Options& options, const Environment& environment) {
  owes_document = options.json;
  handle_signals(on_run_signal);
  auto code = run(options, environment);
  if (code || !options.json) return code;
  tell_error(code.error(), options.log == "json");
  print_document(error_document(code.error()));
  return code.error().exit_code;
}

}  // namespace luge
