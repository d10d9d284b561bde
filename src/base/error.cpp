#include "base/error.h"

#include <utility>

namespace luge {

std::string Error::message() const {
  std::string text = what;
  if (!code.empty()) text += " [" + code + "]";
  if (!hint.empty()) text += "\n  to do: " + hint;
  return text;
}

Error make_error(Recovery recovery, std::string_view code, std::string what, std::string hint) {
  Error error;
  error.recovery = recovery;
  error.code = code;
  error.what = std::move(what);
  error.hint = std::move(hint);
  return error;
}

Error fatal(std::string_view code, std::string what, std::string hint) {
  return make_error(Recovery::stop_pipeline, code, std::move(what), std::move(hint));
}

Error needs_operator(std::string_view code, std::string what, std::string hint) {
  Error error = make_error(Recovery::stop_pipeline, code, std::move(what), std::move(hint));
  error.exit_code = ExitCode::operator_decision;
  return error;
}

std::string_view to_string(Recovery recovery) {
  switch (recovery) {
    case Recovery::retry: return "retry";
    case Recovery::reconnect: return "reconnect";
    case Recovery::quarantine_table: return "quarantine_table";
    case Recovery::stop_pipeline: return "stop_pipeline";
  }
  return "unknown";
}

bool heals_by_time(const Error& error) { return error.recovery == Recovery::retry || error.recovery == Recovery::reconnect; }

}  // namespace luge
