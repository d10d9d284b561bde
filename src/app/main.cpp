#include <csignal>
#include <cstdio>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <vector>

#include "app/command_line.h"
#include "app/error_report.h"
#include "app/verbs.h"
#include "base/log.h"

namespace {

using namespace luge;

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

Result<ExitCode> carry_out(const Invocation& invocation, const Environment& environment) {
  switch (invocation.verb) {
    case Verb::run: return run_verb(invocation.options, environment);
    case Verb::plan: return plan_verb(invocation.options, environment);
    case Verb::doctor: return doctor_verb(invocation.options, environment);
    case Verb::status: return status_verb(invocation.options, environment);
    case Verb::top: return top_verb(invocation.options, environment);
    case Verb::query: return query_verb(invocation.options, environment);
    case Verb::verify: return verify_verb(invocation.options, environment);
    case Verb::resync: return resync_verb(invocation.options, environment);
    case Verb::pause: return pause_verb(invocation.options, environment);
    case Verb::resume: return resume_verb(invocation.options, environment);
    case Verb::drop: return drop_verb(invocation.options, environment);
    case Verb::snowflake: return snowflake_verb(invocation.options, environment);
    case Verb::serve: return serve_verb(invocation.options, environment);
    case Verb::source: return source_verb(invocation.options, environment);
    case Verb::destination: return destination_verb(invocation.options, environment);
    case Verb::pipeline: return pipeline_verb(invocation.options, environment);
    case Verb::state: return state_verb(invocation.options, environment);
    case Verb::apply: return apply_verb(invocation.options, environment);
    case Verb::secrets: return secrets_verb(invocation.options, environment);
    case Verb::demo: return demo_verb(invocation.options, environment);
  }
  return ExitCode::usage;
}

int report(const Error& error, bool json, bool log_line) {
  tell_error(error, log_line);
  if (json) std::printf("%s\n", error_document(error).c_str());
  return static_cast<int>(error.exit_code);
}

/// Memory holds passwords and rows: it must not end up in a core file.
void forbid_core_files() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_files();
  // Whoever is connected to luge may go away at any moment, and TLS writes with plain write(): that is an error of this write, not the end of luge.
  std::signal(SIGPIPE, SIG_IGN);
  const Environment environment = process_environment();
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto parsed = parse_command_line(words, environment);
  if (!parsed) return report(parsed.error(), asks_for_json(words), false);
  if (const auto* answer = std::get_if<Answer>(&*parsed)) {
    std::fputs(answer->text.c_str(), stdout);
    return 0;
  }
  const auto& invocation = std::get<Invocation>(*parsed);
  configure_log(invocation.options.log == "json" ? LogFormat::json : LogFormat::text, level_of(invocation.options.log_level));
  const auto code = carry_out(invocation, environment);
  if (!code) return report(code.error(), invocation.options.json, invocation.options.log == "json");
  return static_cast<int>(*code);
}
