#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/log_level.h"

namespace luge {

/// The parts of a service whose lines can have a level of their own. A pipeline's component is "pipeline/NAME", by its LogScope.
inline constexpr std::array<std::string_view, 5> kLogComponents{"alerts", "catalog", "http", "manager", "wal"};

/// While it lives, lines of this thread are this component's, unless they are a pipeline's. `name` outlives it.
class LogComponent {
 public:
  explicit LogComponent(std::string_view name);
  ~LogComponent();
  LogComponent(const LogComponent&) = delete;
  LogComponent& operator=(const LogComponent&) = delete;

 private:
  std::string_view before_;
};

/// The least level of one component's lines, whatever the level of the others is; nullopt: that of the others again. Thread-safe.
void set_log_level(const std::string& component, std::optional<LogLevel> least);
/// Components with a level of their own.
std::map<std::string, LogLevel> component_log_levels();

}  // namespace luge
