#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace luge {

/// The outcome of one preflight check.
struct Check {
  enum class Level : std::uint8_t {
    good,
    note,      ///< worth knowing
    warning,   ///< works, but will hurt some day
    problem,   ///< luge cannot start: exit code 1
    decision,  ///< an operator must choose: exit code 3
  };
  std::string name;  ///< stable word: "wal_level", "no_identity", …
  Level level = Level::good;
  std::string what;  ///< one sentence
  std::string fix;   ///< the command or setting that helps; several lines allowed
  std::vector<std::string> tables;
  bool heals_by_time = false;  ///< a server that does not answer: the same check may be good later, without anybody's doing
};

std::string_view to_string(Check::Level level);

Check good(std::string name, std::string what);
Check note(std::string name, std::string what, std::string fix = {});
Check warning(std::string name, std::string what, std::string fix = {});
Check problem(std::string name, std::string what, std::string fix = {});
Check decision(std::string name, std::string what, std::string fix = {});
/// `error` as a check named by its code.
Check check_of(const Error& error);

/// What the worst of them ends `run` and `doctor` with.
ExitCode exit_code_of(const std::vector<Check>& checks);

}  // namespace luge
