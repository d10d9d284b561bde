#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "destination/destination_health.h"
#include "pipeline/pipeline_status.h"
#include "service/alert/alert.h"
#include "service/wal/wal_judge.h"

namespace luge {

// Which alerts a state of things calls for. Pure. Nothing: all is well; so each of them can be one scope of AlertManager::set.

/// The WAL of a source, at the level and with the countdown of the verdict, if its actions say alert.
std::vector<Alert> wal_alerts(std::string_view source, const WalVerdict& verdict);

/// The WAL of a source could not be read for so long: what it is at, and whether a slot is about to be lost, nobody knows.
std::vector<Alert> unread_alerts(std::string_view source, const Error& error, Duration unread_for);

/// A luge serve on `host` lacks its catalog or its leases for so long. Every process tells of itself.
std::vector<Alert> service_alerts(std::string_view host, const Error& error, Duration lacking_for);

/// A pipeline that has stopped: "gap" where changes are missing, else "pipeline_failed".
Alert stopped_alert(std::string_view pipeline, const Error& error);

/// One per quarantined table; beyond `most` one for all the others.
std::vector<Alert> quarantine_alerts(std::string_view pipeline, const PipelineStatus& status, std::size_t most = 50);

/// The destination's circuit breaker is open.
std::vector<Alert> breaker_alerts(std::string_view pipeline, const DestinationHealth& health);

/// The oldest change that is not durable yet is older than `objective`; critical from three times that on. Objective zero: there is none.
std::vector<Alert> freshness_alerts(std::string_view pipeline, const PipelineStatus& status, Duration objective, PgTimestamp now);

}  // namespace luge
