#include "postgres/sqlstate.h"

#include <array>

namespace luge {

namespace {

struct Rule {
  std::string_view prefix;
  Recovery recovery;
};

// First match wins, so whole codes stand before their class.
constexpr std::array kRules = {
    Rule{"08P01", Recovery::stop_pipeline},  // protocol violation: a pooler or luge itself is wrong; repeating does not help
    Rule{"08", Recovery::reconnect},
    Rule{"57P01", Recovery::reconnect},      // admin_shutdown
    Rule{"57P02", Recovery::reconnect},      // crash_shutdown
    Rule{"57P03", Recovery::reconnect},      // cannot_connect_now
    Rule{"57P05", Recovery::reconnect},      // idle_session_timeout
    Rule{"57014", Recovery::retry},          // query_canceled, statement_timeout
    Rule{"25P03", Recovery::reconnect},      // idle_in_transaction_session_timeout
    Rule{"25P04", Recovery::reconnect},      // transaction_timeout
    Rule{"40", Recovery::retry},             // serialization failure, deadlock
    Rule{"53400", Recovery::stop_pipeline},  // configuration_limit_exceeded: max_replication_slots, max_wal_senders
    Rule{"53", Recovery::retry},             // insufficient resources: disk, memory, connections
    Rule{"55006", Recovery::retry},          // object_in_use: the slot is active elsewhere
    Rule{"55P03", Recovery::retry},          // lock_not_available
    Rule{"58030", Recovery::retry},          // io_error
};

}  // namespace

Recovery recovery_of_sqlstate(std::string_view code) {
  for (const Rule& rule : kRules) {
    if (code.starts_with(rule.prefix)) return rule.recovery;
  }
  return Recovery::stop_pipeline;
}

bool primary_message_is_safe(std::string_view code) {
  if (code.size() != 5) return false;
  // Names of objects, settings, hosts and positions of our own SQL; never a value of a row.
  constexpr std::array<std::string_view, 17> kSafe = {"08", "0A", "0B", "25", "26", "28", "2B", "34", "3D",
                                                      "3F", "40", "42", "53", "54", "55", "57", "58"};
  for (std::string_view prefix : kSafe) {
    if (code.starts_with(prefix)) return true;
  }
  return code.starts_with("XX");
}

}  // namespace luge
