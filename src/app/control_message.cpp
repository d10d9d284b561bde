#include "app/control_message.h"

#include <nlohmann/json.hpp>

#include "app/error_report.h"

namespace luge {

namespace {

using nlohmann::ordered_json;  // documents keep the order they were written in

/// Bytes that are not UTF-8 (a blob in a query's row) become U+FFFD instead of an exception.
std::string dump(const ordered_json& value) { return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

Error malformed() { return fatal("control", "the answer on the control socket is not luge's", "is it the same version of luge that runs there?"); }

std::string text_of(const ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string ControlRequest::arg(const std::string& name) const {
  const auto found = args.find(name);
  return found == args.end() ? std::string() : found->second;
}

std::string encode_request(const ControlRequest& request) { return dump({{"verb", request.verb}, {"args", request.args}}) + "\n"; }

Result<ControlRequest> decode_request(std::string_view line) {
  const ordered_json parsed = ordered_json::parse(line, nullptr, false);
  if (!parsed.is_object() || text_of(parsed, "verb").empty()) return fatal("control", "not a request");
  ControlRequest request{text_of(parsed, "verb"), {}};
  if (const auto args = parsed.find("args"); args != parsed.end() && args->is_object()) {
    for (const auto& [name, value] : args->items()) {
      if (!value.is_string()) return fatal("control", "argument " + name + " is not text");
      request.args[name] = value.get<std::string>();
    }
  }
  return request;
}

std::string encode_line(std::string_view text) { return "{\"line\":" + std::string(text) + "}\n"; }
std::string encode_done(std::string_view text) { return "{\"done\":" + std::string(text) + "}\n"; }

std::string encode_error(const Error& error) { return error_document(error) + "\n"; }

Result<ControlAnswer> decode_answer(std::string_view line) {
  const ordered_json parsed = ordered_json::parse(line, nullptr, false);
  if (!parsed.is_object()) return malformed();
  if (const auto found = parsed.find("line"); found != parsed.end()) return ControlAnswer{ControlAnswer::Kind::line, dump(*found)};
  if (const auto found = parsed.find("done"); found != parsed.end()) return ControlAnswer{ControlAnswer::Kind::done, dump(*found)};
  const auto found = parsed.find("error");
  if (found == parsed.end() || !found->is_object()) return malformed();
  Error error = fatal(text_of(*found, "code"), text_of(*found, "what"), text_of(*found, "hint"));
  const auto exit_code = found->find("exit_code");
  if (exit_code != found->end() && exit_code->is_number_unsigned() && exit_code->get<unsigned>() <= 4) {
    error.exit_code = static_cast<ExitCode>(exit_code->get<unsigned>());
  }
  return error;
}

}  // namespace luge
