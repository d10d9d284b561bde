#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/wal/growth_rate.h"
#include "service/wal/wal_limits.h"
#include "service/wal/wal_pin.h"
#include "service/wal/wal_sample.h"

namespace luge {

struct SlotVerdict {
  std::string name;
  bool own = true;                          ///< luge's; another's slot counts for the disk only
  bool active = false;
  WalStatus status = WalStatus::unknown;
  std::string invalidation;
  std::uint64_t retained_bytes = 0;
  std::uint64_t unconfirmed_bytes = 0;      ///< logical slots
  std::optional<std::uint64_t> safe_bytes;  ///< before it may be lost
  std::optional<double> bytes_per_second;   ///< growth of retained_bytes
  std::optional<Duration> time_left;        ///< until it is lost, at that rate; none: it is not filling, or has no limit
  WalPin pin;
};

/// What a reading means.
struct WalVerdict {
  Instant at;
  WalLevel level = WalLevel::ok;
  std::vector<std::string> reasons;          ///< for the level; sentences without a full stop
  std::vector<WalAction> actions;            ///< due at this level
  bool standby = false;
  std::uint64_t wal_bytes = 0;               ///< of the directory, else of what slots retain
  bool wal_bytes_from_directory = false;
  std::uint64_t retained_bytes = 0;          ///< for the slot that is furthest behind
  std::optional<double> written_per_second;  ///< bytes of WAL that the source writes
  std::optional<double> growth_per_second;   ///< of wal_bytes
  std::optional<Duration> time_left;         ///< until a slot is lost or the disk limit is reached
  std::string time_left_until;               ///< "slot luge_app is lost"
  bool time_left_settled = false;            ///< watched for long enough to act upon
  std::string pinned_by;                     ///< whoever holds the oldest WAL; empty: nobody in particular
  std::vector<SlotVerdict> slots;

  bool calls_for(WalAction action) const;
};

/// Judges the readings of one source, one after the other. Pure: time comes with the readings.
class WalJudge {
 public:
  /// `own_slots`: those whose loss is luge's concern; none named: all.
  WalVerdict judge(const WalSample& sample, const WalLimits& limits, std::span<const std::string> own_slots = {});

 private:
  struct Measure;
  struct Countdown;
  struct Case;
  void forget_what_changed(const WalSample& sample);
  void judge_slot(Case& judged, const SlotSample& slot, bool own);
  void judge_disk(Case& judged);
  void settle_level(Case& judged);

  std::map<std::string, GrowthRate, std::less<>> retained_;  ///< by slot
  GrowthRate written_;
  GrowthRate size_;
  bool size_from_directory_ = false;
  Lsn last_here_;
  WalLevel level_ = WalLevel::ok;
  std::uint32_t calm_ = 0;  ///< readings in a row that would let the level end
};

}  // namespace luge
