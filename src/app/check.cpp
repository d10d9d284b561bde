#include "app/check.h"

#include <utility>

namespace luge {

std::string_view to_string(Check::Level level) {
  switch (level) {
    case Check::Level::good: return "ok";
    case Check::Level::note: return "note";
    case Check::Level::warning: return "warning";
    case Check::Level::problem: return "problem";
    case Check::Level::decision: return "decision";
  }
  return "problem";
}

Check good(std::string name, std::string what) { return {std::move(name), Check::Level::good, std::move(what), {}, {}}; }
Check note(std::string name, std::string what, std::string fix) { return {std::move(name), Check::Level::note, std::move(what), std::move(fix), {}}; }
Check warning(std::string name, std::string what, std::string fix) {
  return {std::move(name), Check::Level::warning, std::move(what), std::move(fix), {}};
}
Check problem(std::string name, std::string what, std::string fix) {
  return {std::move(name), Check::Level::problem, std::move(what), std::move(fix), {}};
}
Check decision(std::string name, std::string what, std::string fix) {
  return {std::move(name), Check::Level::decision, std::move(what), std::move(fix), {}};
}

Check check_of(const Error& error) {
  const bool operators = error.exit_code == ExitCode::operator_decision;
  return {error.code, operators ? Check::Level::decision : Check::Level::problem, error.what, error.hint, {}, heals_by_time(error)};
}

ExitCode exit_code_of(const std::vector<Check>& checks) {
  ExitCode code = ExitCode::done;
  for (const Check& check : checks) {
    if (check.level == Check::Level::problem) return ExitCode::failed;
    if (check.level == Check::Level::decision) code = ExitCode::operator_decision;
  }
  return code;
}

}  // namespace luge
