#include "app/error_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace luge {

std::string error_json(const Error& error) {
  const nlohmann::ordered_json object{
      {"code", error.code}, {"what", error.what}, {"hint", error.hint}, {"exit_code", static_cast<int>(error.exit_code)}};
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string error_document(const Error& error) { return "{\"error\":" + error_json(error) + "}"; }

void tell_error(const Error& error, bool as_log_line) {
  if (as_log_line) {
    log_event(LogLevel::error, "failed", error.what, {{"code", error.code}, {"hint", error.hint}});
    return;
  }
  std::fprintf(stderr, "luge: %s (%s)\n", error.what.c_str(), error.code.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  → %s\n", error.hint.c_str());
}

}  // namespace luge
