#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace luge {

enum class WalLevel : char { ok, warning, danger };
std::string_view to_string(WalLevel level);

/// What is done at a level, by the operator's choice. Whoever runs the pipelines reads it from the verdict.
enum class WalAction : char {
  alert,
  pause_copies,    ///< tables that wait for their first copy go on waiting
  larger_batches,  ///< fewer, larger batches: the destination takes more rows per second, and each arrives later
};
std::string_view to_string(WalAction action);

/// From where on a source's WAL is a worry. Zero: this is not looked at.
struct WalLimits {
  struct Bytes {
    std::uint64_t warning = 10ULL << 30;
    std::uint64_t danger = 50ULL << 30;
  };
  Bytes wal_size;                                  ///< of the WAL directory
  Bytes retained;                                  ///< kept for the slot that is furthest behind
  Duration warning_time_left = std::chrono::hours(4);  ///< until a slot is lost or the disk limit is reached, at the present rate
  Duration danger_time_left = std::chrono::minutes(30);
  double warning_room = 0.25;                      ///< the part of max_slot_wal_keep_size, or of the disk limit, that is left
  double danger_room = 0.10;
  std::uint64_t disk_limit_bytes = 0;              ///< the WAL directory must not grow beyond; SQL cannot ask for a disk's size
  double hysteresis = 0.2;                         ///< a level ends only when every measure is this much better than its threshold …
  std::uint32_t calm_readings = 3;                 ///< … so many times in a row
  std::vector<WalAction> on_warning{WalAction::alert};
  std::vector<WalAction> on_danger{WalAction::alert};  ///< beside those of the warning
};

}  // namespace luge
