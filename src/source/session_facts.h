#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/position.h"

namespace luge {

/// pg_replication_slots, as far as luge needs it.
struct SlotFacts {
  bool exists = false;
  std::string plugin;
  std::string database;
  bool active = false;
  std::int32_t active_pid = 0;
  Lsn confirmed_flush;
  Lsn restart;
  std::string wal_status;            ///< reserved, extended, unreserved, lost
  std::string invalidation_reason;   ///< 17+; empty: none
  std::optional<std::int64_t> safe_wal_bytes;
};

/// Everything the gap test (correctness.md §4) asks of a server, read after connecting and before the first row.
struct SessionFacts {
  int server_version = 0;            ///< server_version_num
  std::uint64_t system_identifier = 0;
  std::uint32_t timeline = 0;
  std::uint32_t database_oid = 0;
  Lsn server_lsn;                    ///< pg_current_wal_insert_lsn()
  Xid next_xid = 0;                  ///< xmax of pg_current_snapshot(): reference for widening
  bool in_recovery = false;
  Duration wal_sender_timeout{0};    ///< 0: off
  SlotFacts slot;
  bool publication_exists = false;
  std::uint32_t publication_oid = 0;
  bool publication_made_by_luge = false;
  /// End of each earlier timeline (TIMELINE_HISTORY): (timeline, switch point).
  struct Switch {
    std::uint32_t timeline = 0;
    Lsn at;
  };
  std::vector<Switch> history;
};

}  // namespace luge
