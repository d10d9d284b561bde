#include "sim/faults.h"

#include <algorithm>
#include <utility>

namespace luge {

namespace {
constexpr std::uint64_t kOrdinary = static_cast<std::uint64_t>(Fault::resync) + 1;
constexpr std::uint64_t kAll = static_cast<std::uint64_t>(Fault::state_lost) + 1;
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
                                           "state_restored",
                                           "state_lost",
                                           "operator_pause"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kAll + 1);
  return kNames[static_cast<std::size_t>(fault)];
}

namespace {

// What is lost together, or one after the other before the first is mended.
const std::vector<Fault> kStories[] = {
    {Fault::server_restored, Fault::state_lost, Fault::slot_advanced},
    {Fault::server_restored, Fault::state_lost},
    {Fault::server_restored, Fault::destination_restored, Fault::state_lost},
    {Fault::destination_restored, Fault::state_lost},
    {Fault::destination_restored, Fault::state_restored},
    {Fault::state_lost, Fault::slot_advanced},
};

// A server goes back only once: the oracle remembers one earlier course of history.
void plan_disaster(Dice& dice, Instant at, std::vector<PlannedFault>& plan) {
  std::vector<Fault> story{dice.percent(30) ? Fault::server_restored : static_cast<Fault>(dice.between(kOrdinary, kAll - 1))};
  if (dice.percent(50)) story = dice.pick(kStories);
  for (const Fault fault : story) {
    plan.push_back({at, fault});
    if (dice.percent(70)) at = at + dice.millis(0, 5000);
  }
}

}  // namespace

Fault ordinary_fault(Dice& dice) {
  static constexpr Fault kFelt[] = {Fault::luge_crash, Fault::luge_pause, Fault::connection_cut, Fault::server_crash, Fault::silence};
  return dice.pick(kFelt);
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
  const std::uint64_t count = dice.between(6, 16);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Instant at{static_cast<std::int64_t>(dice.between(200'000, most))};
    plan.push_back({at, dice.pick(kinds)});
    // Troubles come together.
    if (dice.percent(20)) plan.push_back({at + dice.millis(0, 300), dice.pick(kinds)});
  }
  if (dice.percent(30)) plan_disaster(dice, Instant{static_cast<std::int64_t>(dice.between(most / 4, most))}, plan);
  // Last, and in some seeds only: the other faults of a seed are what they were without these.
  const std::uint64_t pauses = dice.percent(40) ? dice.between(1, 3) : 0;
  for (std::uint64_t i = 0; i < pauses; ++i) {
    const Instant at = dice.percent(50) ? dice.pick(plan).at : Instant{static_cast<std::int64_t>(dice.between(200'000, most))};
    plan.push_back({at + -dice.millis(0, 200), Fault::operator_pause});
  }
  std::stable_sort(plan.begin(), plan.end(), [](const PlannedFault& a, const PlannedFault& b) { return a.at < b.at; });
  return plan;
}

}  // namespace luge
