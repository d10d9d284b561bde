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
  std::string name;
  std::string source;       ///< user, host, port and database; never a password
  std::string destination;
  std::string mode;         ///< mirror or log
  std::string slot;
  bool wanted = true;       ///< it is meant to run; whether it does is in `driver.state`
  std::uint64_t restarts = 0;  ///< after it had ended by itself
  std::string elsewhere;       ///< the process that speaks for it, if that is another one
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
