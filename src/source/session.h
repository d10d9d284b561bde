#pragma once
#include <string_view>
#include <vector>

#include "base/result.h"
#include "postgres/connection.h"
#include "source/session_facts.h"

namespace luge {

/// Reads everything the gap test needs, on the replication connection that will carry the stream afterwards: no failover can slip in
/// between. Works on a standby too (in_recovery says so). Errors: the connection's.
Result<SessionFacts> read_session_facts(Connection& replication, std::string_view slot, std::string_view publication);

/// Of these facts the server's position and the slot, over any connection to the database: for a look from outside.
Result<SessionFacts> read_slot_facts(Connection& sql, std::string_view slot);

/// Lines of a timeline history file: "1\t0/5000060\treason" (timeline.c, readTimeLineHistory). Comments and blank lines are skipped.
std::vector<SessionFacts::Switch> parse_timeline_history(std::string_view content);

/// "2min", "60s", "500ms", "0": a setting with a unit, as SHOW prints it.
Duration parse_setting_duration(std::string_view text);

}  // namespace luge
