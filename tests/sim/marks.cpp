#include "sim/marks.h"

#include <cstdio>

namespace luge {

namespace {
constexpr const char* kNames[] = {"commits",
                                  "empty_commits",
                                  "rollbacks",
                                  "savepoint_rollbacks",
                                  "streamed_commits",
                                  "streamed_aborts",
                                  "streamed_sub_aborts",
                                  "crashed_transactions_aborted",
                                  "unchanged_values",
                                  "key_changes",
                                  "key_swaps",
                                  "truncates",
                                  "schema_changes",
                                  "schema_changes_rolled_back",
                                  "tables_added",
                                  "writers_at_add_table",
                                  "invisible_commits_streamed",
                                  "xid_wraps",
                                  "destination_commits",
                                  "multi_batch_transactions",
                                  "open_transactions_aborted",
                                  "pending_changes",
                                  "handover_dropped",
                                  "handover_applied",
                                  "copies_started",
                                  "copies_waited",
                                  "copies_killed",
                                  "copies_finished",
                                  "tables_live",
                                  "destination_errors",
                                  "outcomes_lost_applied",
                                  "outcomes_lost_not_applied",
                                  "orphan_writes_landed",
                                  "orphan_writes_fenced",
                                  "state_errors",
                                  "state_saves_lost",
                                  "luge_crashes",
                                  "luge_pauses",
                                  "operator_pauses",
                                  "drains",
                                  "connection_cuts",
                                  "black_holes",
                                  "server_crashes",
                                  "slot_went_back",
                                  "replayed_transactions",
                                  "keepalive_positions_acknowledged",
                                  "feedback_while_full",
                                  "resumes",
                                  "gap_verdicts",
                                  "destination_gap_verdicts",
                                  "gaps_found_in_stream",
                                  "unavailable_verdicts",
                                  "resyncs_after_gap",
                                  "slots_recreated",
                                  "server_restores",
                                  "destination_restores",
                                  "state_restores",
                                  "state_losses",
                                  "states_adopted",
                                  "intents_copied",
                                  "intents_outlived",
                                  "zombies",
                                  "fenced_zombies",
                                  "clock_jumps",
                                  "tiny_budgets",
                                  "drivers_waits",
                                  "quarantines"};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kMarkCount);
}  // namespace

const char* Marks::name(Mark mark) { return kNames[static_cast<std::size_t>(mark)]; }

bool Marks::print() const {
  bool all = true;
  for (std::size_t i = 0; i < kMarkCount; ++i) {
    std::printf("  %-36s %12llu%s\n", kNames[i], static_cast<unsigned long long>(counts_[i]), counts_[i] == 0 ? "   NEVER REACHED" : "");
    all = all && counts_[i] > 0;
  }
  return all;
}

}  // namespace luge
