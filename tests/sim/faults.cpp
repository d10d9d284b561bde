#include "sim/faults.h"

#include <algorithm>

namespace luge {

namespace {
constexpr std::uint64_t kOrdinary = static_cast<std::uint64_t>(Fault::resync) + 1;
constexpr std::uint64_t kAll = static_cast<std::uint64_t>(Fault::state_restored) + 1;
}  // namespace

const char* to_string(Fault fault) {
  static constexpr const char* kNames[] = {"luge_crash",
                                           "luge_pause",
                                           "luge_drain",
                                           "second_instance",
                                           "connection_cut",
                                           "black_hole",
                                           "server_crash",
                                           "destination_refuses",
                                           "destination_outcome_lost_applied",
                                           "destination_outcome_lost_unapplied",
                                           "destination_hangs",
                                           "state_refuses",
                                           "state_hangs",
                                           "copy_killed",
                                           "wall_clock_jump",
                                           "silence",
                                           "invalidation",
                                           "resync",
                                           "slot_advanced",
                                           "slot_dropped",
                                           "slot_recreated",
                                           "slot_lost",
                                           "server_restored",
                                           "destination_restored",
                                           "state_restored"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kAll);
  return kNames[static_cast<std::size_t>(fault)];
}

std::vector<PlannedFault> plan_faults(Dice& dice, Duration span) {
  const auto most = static_cast<std::uint64_t>(span.count());
  std::vector<PlannedFault> plan;
  // Swarm: each seed leaves some kinds out, so that the others meet each other more often.
  std::vector<Fault> kinds;
  for (std::uint64_t kind = 0; kind < kOrdinary; ++kind) {
    if (dice.percent(60)) kinds.push_back(static_cast<Fault>(kind));
  }
  if (kinds.empty()) kinds.push_back(Fault::luge_crash);
  const std::uint64_t count = dice.between(5, 16);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Instant at{static_cast<std::int64_t>(dice.between(200'000, most))};
    plan.push_back({at, dice.pick(kinds)});
    // Troubles come together.
    if (dice.percent(20)) plan.push_back({at + dice.millis(0, 300), dice.pick(kinds)});
  }
  if (dice.percent(25)) {
    plan.push_back({Instant{static_cast<std::int64_t>(dice.between(most / 4, most))}, static_cast<Fault>(dice.between(kOrdinary, kAll - 1))});
  }
  std::stable_sort(plan.begin(), plan.end(), [](const PlannedFault& a, const PlannedFault& b) { return a.at < b.at; });
  return plan;
}

}  // namespace luge
