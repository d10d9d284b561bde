#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "model/pg_type.h"

namespace luge {

/// How a destination behind a network does, beside what every destination tells. For status and metrics.
struct DestinationHealth {
  struct Table {
    std::uint64_t rows_landed = 0;    ///< since the process started
    std::string merged;               ///< current state is complete up to this LSN; empty: nothing merged yet
    double seconds_behind = 0;        ///< age of the oldest durable change that current state lacks
    std::uint64_t statements = 0;     ///< run for current state
    double warehouse_seconds = 0;     ///< they took, as seen from here
    std::string error;                ///< of the last attempt to merge; empty: it succeeded
  };
  std::string breaker = "closed";     ///< closed, open, half_open
  std::string last_error;             ///< of the newest failed call; empty: none since the last good one
  std::uint64_t retries = 0;
  std::uint64_t rows_sent = 0;
  std::uint64_t bytes_sent = 0;       ///< before compression
  std::string common;  ///< current state of all tables is complete up to this LSN, as was published; empty: not yet, or there is none
  std::map<RelationOid, Table> tables;
};

}  // namespace luge
