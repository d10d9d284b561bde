#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <vector>

#include "app/command_line.h"
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
    case Verb::query: return query_verb(invocation.options, environment);
    case Verb::verify: return verify_verb(invocation.options, environment);
    case Verb::resync: return resync_verb(invocation.options, environment);
    case Verb::drop: return drop_verb(invocation.options, environment);
    case Verb::snowflake: return snowflake_verb(invocation.options, environment);
    case Verb::demo: return demo_verb(invocation.options, environment);
  }
  return ExitCode::usage;
}

int report(const Error& error, const Options* options) {
  const bool json_log = options != nullptr && options->log == "json";
  if (json_log) {
    log_event(LogLevel::error, "failed", error.what, {{"code", error.code}, {"hint", error.hint}});
  } else {
    std::fprintf(stderr, "luge: %s (%s)\n", error.what.c_str(), error.code.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  → %s\n", error.hint.c_str());
  }
  if (options != nullptr && options->json) {
    const nlohmann::ordered_json document{
        {"error", {{"code", error.code}, {"what", error.what}, {"hint", error.hint}, {"exit_code", static_cast<int>(error.exit_code)}}}};
    std::printf("%s\n", document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
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
  const Environment environment = process_environment();
  const auto parsed = parse_command_line(std::vector<std::string>(argv + 1, argv + argc), environment);
  if (!parsed) return report(parsed.error(), nullptr);
  if (const auto* answer = std::get_if<Answer>(&*parsed)) {
    std::fputs(answer->text.c_str(), stdout);
    return 0;
  }
  const auto& invocation = std::get<Invocation>(*parsed);
  configure_log(invocation.options.log == "json" ? LogFormat::json : LogFormat::text, level_of(invocation.options.log_level));
  const auto code = carry_out(invocation, environment);
  if (!code) return report(code.error(), &invocation.options);
  return static_cast<int>(*code);
}
