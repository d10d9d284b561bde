#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/lsn.h"

namespace luge {

/// pg_replication_slots.wal_status.
enum class WalStatus : char {
  reserved,    ///< within max_wal_size
  extended,    ///< beyond it, and kept
  unreserved,  ///< beyond max_slot_wal_keep_size: the next checkpoint may take it
  lost,        ///< gone: nothing brings this slot back
  unknown,     ///< the slot reserves nothing
};

/// What a source says of one of its slots.
struct SlotSample {
  std::string name;
  bool logical = true;
  std::string database;
  bool active = false;
  std::string reader;                      ///< application name of its walsender; empty: nobody, or not visible to this role
  Lsn restart;                             ///< WAL from here on is kept for it; zero: none is
  Lsn confirmed;                           ///< logical slots: its reader has everything before
  std::optional<std::int64_t> safe_bytes;  ///< so much more WAL, and the slot may be lost; none: no limit, or lost already
  WalStatus status = WalStatus::unknown;
  std::string invalidation;                ///< 17+: why it was invalidated
};

/// The transaction that has been writing for longest. A slot cannot let go of WAL that is younger.
struct OldTransaction {
  bool prepared = false;
  std::int32_t pid = 0;  ///< of the session; 0: prepared
  std::string who = {};  ///< application, or the prepared transaction's name
  std::string database = {};
  std::string state = {};  ///< "idle in transaction"; may be empty
  Duration open_for{0};
};

/// One reading of one source: what a single query returned.
struct WalSample {
  Instant at;
  Lsn here;                                       ///< end of its WAL
  bool standby = false;
  std::optional<std::uint64_t> directory_bytes;   ///< all files in pg_wal; none: the role may not list them (pg_monitor may)
  std::optional<std::uint64_t> slot_limit_bytes;  ///< max_slot_wal_keep_size; none: slots keep whatever they need
  bool sees_sessions = false;                     ///< others' transactions are visible to this role (pg_read_all_stats)
  std::optional<OldTransaction> oldest;           ///< as far as it sees
  std::vector<SlotSample> slots;                  ///< by name
};

}  // namespace luge
