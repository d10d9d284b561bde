#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "destination/destination_health.h"
#include "pipeline/driver.h"
#include "service/status_document.h"

namespace luge {

/// One pipeline, as metrics, API and console show it.
struct PipelineReport {
  /// What another process on the same catalog, which speaks for the pipeline, has written into pipeline_status.
  struct Elsewhere {
    std::string owner;  ///< that process
    std::optional<std::uint64_t> lag_bytes;
    std::optional<double> lag_seconds;
    std::uint64_t tables = 0;
    std::uint64_t quarantined = 0;  ///< of them
  };

  std::string name;
  std::string source;       ///< user, host, port and database; never a password
  std::string destination;
  std::string mode;         ///< mirror or log
  std::string slot;
  bool wanted = true;       ///< it is meant to run; whether it does is in `driver.state`
  std::uint64_t restarts = 0;  ///< after it had ended by itself
  std::optional<Elsewhere> elsewhere;  ///< `driver` holds no more than state, positions and error then
  DriverStatus driver;
  std::optional<DestinationHealth> health;
};

/// It has a driver that works: it connects, copies, follows the source or drains.
bool is_active(const PipelineReport& report);
/// It gets somewhere: copies, follows the source or drains.
bool is_healthy(const PipelineReport& report);

/// Bytes of WAL that are not durable yet; nullopt: nobody has heard of the server.
std::optional<std::uint64_t> lag_bytes(const PipelineReport& report);
/// Age of the oldest transaction that is not durable yet; nullopt as above.
std::optional<double> lag_seconds(const PipelineReport& report, PgTimestamp now);

/// What `luge status` says of it.
StatusDocument document_of(const PipelineReport& report, PgTimestamp now);

}  // namespace luge
