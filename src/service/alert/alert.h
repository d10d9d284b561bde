#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace luge {

enum class AlertSeverity : char { info, warning, critical };
std::string_view to_string(AlertSeverity severity);

/// What an alert is about.
enum class AlertKind : char {
  wal,              ///< the level of a source's WAL
  pipeline_failed,
  gap,              ///< changes are missing; an operator decides
  quarantine,       ///< one table has stopped
  breaker,          ///< a destination is not asked any more, because it fails
  freshness,        ///< data is older than its objective
  service,          ///< luge serve lacks what it needs itself: its catalog, its leases
  test,             ///< somebody tries out a receiver
};
std::string_view to_string(AlertKind kind);

/// Something that is wrong, from the moment when it begins until it is over. Texts name objects, never row values.
struct Alert {
  std::string key;  ///< the same for the same trouble of the same thing, also after a restart: "wal/orders"
  AlertKind kind = AlertKind::test;
  AlertSeverity severity = AlertSeverity::warning;
  std::string title;  ///< one line
  std::string hint;   ///< what helps; may be empty
  std::vector<std::pair<std::string, std::string>> facts;
};

/// What one receiver is told about an alert.
struct AlertMessage {
  enum class Event : char {
    fired,
    changed,   ///< it fires with another severity
    reminded,  ///< it still fires
    resolved,
  };
  Alert alert;
  Event event = Event::fired;
  std::string id;  ///< the same when the message is sent again: receivers can tell a repetition
  PgTimestamp since;
  PgTimestamp at;
  std::size_t waiting = 0;  ///< other messages that the rate limit holds back
};
std::string_view to_string(AlertMessage::Event event);

}  // namespace luge
