#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

// What travels over the control socket: one JSON object a line. A request is {"verb": …, "args": {name: text, …}}. The answer is any
// number of lines {"line": …} and one last line: {"done": document} or {"error": {code, what, hint, exit_code}}.

struct ControlRequest {
  std::string verb;
  std::map<std::string, std::string> args;

  /// The argument, or "".
  std::string arg(const std::string& name) const;
};

std::string encode_request(const ControlRequest& request);
Result<ControlRequest> decode_request(std::string_view line);

/// `json` is one JSON value without line ends.
std::string encode_line(std::string_view json);
std::string encode_done(std::string_view json);
std::string encode_error(const Error& error);

struct ControlAnswer {
  enum class Kind : char { line, done };
  Kind kind = Kind::line;
  std::string json;
};
/// The error of an {"error": …} line is returned as the error.
Result<ControlAnswer> decode_answer(std::string_view line);

}  // namespace luge
