#pragma once
#include <string>
#include <variant>
#include <vector>

#include "app/config_file.h"
#include "app/options.h"
#include "app/verb.h"
#include "base/result.h"

namespace luge {

struct Invocation {
  Verb verb = Verb::status;
  Options options;
};

/// --help or --version: text for stdout, exit 0.
struct Answer {
  std::string text;
};

using CommandLine = std::variant<Invocation, Answer>;

/// Defaults, then --config, then $LUGE_SOURCE, then the command line; each later one wins. Errors are usage errors (exit code 2).
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, const Environment& environment);

/// Whether --json is among the words: of a command line that cannot be understood otherwise.
bool asks_for_json(const std::vector<std::string>& arguments);

}  // namespace luge
