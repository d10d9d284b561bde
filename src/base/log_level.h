#pragma once
#include <optional>
#include <string_view>

#include "base/log.h"

namespace luge {

/// The least level that is written now, and another one for the rest of the run. Thread-safe.
LogLevel log_level();
void set_log_level(LogLevel least);

std::string_view to_string(LogLevel level);
std::optional<LogLevel> parse_log_level(std::string_view text);

}  // namespace luge
