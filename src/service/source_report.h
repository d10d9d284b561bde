#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace luge {

/// One source as its monitor and its schema cache know it. What was not measured is empty.
struct SourceReport {
  enum class Level : char { ok, warning, danger, unknown };

  struct Slot {
    std::string name;
    bool active = false;
    std::optional<std::uint64_t> retained_bytes;  ///< WAL that it keeps the server from dropping
    std::optional<std::int64_t> safe_wal_bytes;   ///< may still be written before the server gives it up; empty: no limit
    std::optional<double> seconds_left;           ///< until then, or until the disk's limit is reached, at the present rate
    std::string wal_status;                       ///< reserved, extended, unreserved, lost
  };
  struct SchemaCache {
    std::uint64_t hits = 0, misses = 0, queries = 0;
    std::uint64_t tables = 0;
  };

  std::string name;
  Level level = Level::unknown;                ///< unknown: it could not be read
  std::string reason;                          ///< of a level other than ok; one sentence
  std::optional<std::uint64_t> wal_bytes;      ///< size of pg_wal, or what all slots retain
  std::optional<double> wal_bytes_per_second;  ///< written
  std::optional<double> seconds_left;          ///< until a slot is lost or the disk's limit is reached
  std::vector<std::string> actions;            ///< what the pipelines of the source do because of the level: pause_copies, larger_batches
  std::string pinned_by;                       ///< whoever keeps the oldest WAL; empty: nobody in particular
  std::uint64_t readings = 0;                  ///< of the monitor
  std::uint64_t failed_readings = 0;
  std::vector<Slot> slots;
  std::optional<SchemaCache> cache;
};

}  // namespace luge
