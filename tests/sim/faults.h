#pragma once
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "sim/dice.h"

namespace luge {

/// What can go wrong around a pipeline.
enum class Fault : std::uint8_t {
  luge_crash,
  luge_pause,
  luge_drain,
  second_instance,
  connection_cut,
  black_hole,
  server_crash,
  destination_refuses,
  destination_outcome_lost_applied,
  destination_outcome_lost_unapplied,
  destination_hangs,
  state_refuses,
  state_hangs,
  copy_killed,
  wall_clock_jump,
  silence,
  invalidation,
  resync,
  // After these a gap may be reported, and must be where there is one.
  slot_advanced,
  slot_dropped,
  slot_recreated,
  slot_lost,
  server_restored,
  destination_restored,
  state_restored,
  state_lost,
  operator_pause,  ///< ordinary, too; the last that is drawn
};

const char* to_string(Fault fault);

struct PlannedFault {
  Instant at;
  Fault fault;
};

/// Every seed feels at least this many.
inline constexpr std::uint64_t kLeastFaults = 5;

/// In order of time. In some seeds one that breaks history, or a story of several.
std::vector<PlannedFault> plan_faults(Dice& dice, Duration span);
/// One that any world can feel at any time, for a seed whose plan met nobody.
Fault ordinary_fault(Dice& dice);

}  // namespace luge
