#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace luge {

/// What is wrong at present, and how those who are told do. Texts name objects, never row values.
struct AlertReport {
  struct Firing {
    std::string key;       ///< the same for the same trouble of the same thing
    std::string kind;      ///< wal, pipeline_failed, gap, quarantine, breaker, freshness
    std::string severity;  ///< info, warning, critical
    std::string title;
    std::string hint;      ///< what helps; may be empty
    PgTimestamp since;
  };
  struct Receiver {
    std::string name;
    std::uint64_t delivered = 0;
    std::uint64_t failures = 0;  ///< attempts
    std::uint64_t waiting = 0;   ///< messages that it has not got yet
  };
  std::vector<Firing> firing;
  std::vector<Receiver> receivers;
};

}  // namespace luge
