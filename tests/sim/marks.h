#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace luge {

/// Places that some seed must reach, or the simulator proves less than it says.
enum class Mark : std::uint8_t {
  commits,
  empty_commits,
  rollbacks,
  savepoint_rollbacks,
  streamed_commits,
  streamed_aborts,
  streamed_sub_aborts,
  crashed_transactions_aborted,
  unchanged_values,
  key_changes,
  key_swaps,
  truncates,
  schema_changes,
  schema_changes_rolled_back,
  tables_added,
  writers_at_add_table,
  invisible_commits_streamed,
  xid_wraps,
  destination_commits,
  multi_batch_transactions,
  open_transactions_aborted,
  pending_changes,
  handover_dropped,
  handover_applied,
  copies_started,
  copies_waited,
  copies_killed,
  copies_finished,
  tables_live,
  destination_errors,
  outcomes_lost_applied,
  outcomes_lost_not_applied,
  orphan_writes_landed,
  orphan_writes_fenced,
  state_errors,
  state_saves_lost,
  luge_crashes,
  luge_pauses,
  operator_pauses,
  drains,
  connection_cuts,
  black_holes,
  server_crashes,
  slot_went_back,
  replayed_transactions,
  keepalive_positions_acknowledged,
  feedback_while_full,
  resumes,
  gap_verdicts,
  destination_gap_verdicts,
  gaps_found_in_stream,
  unavailable_verdicts,
  resyncs_after_gap,
  slots_recreated,
  server_restores,
  destination_restores,
  state_restores,
  state_losses,
  states_adopted,
  intents_copied,
  intents_outlived,
  zombies,
  fenced_zombies,
  clock_jumps,
  tiny_budgets,
  drivers_waits,
  quarantines,
  count_,
};

inline constexpr std::size_t kMarkCount = static_cast<std::size_t>(Mark::count_);

/// How often each was reached, over all seeds of a run.
class Marks {
 public:
  void hit(Mark mark) { ++counts_[static_cast<std::size_t>(mark)]; }
  std::uint64_t count(Mark mark) const { return counts_[static_cast<std::size_t>(mark)]; }
  static const char* name(Mark mark);
  /// Prints all to stdout; false if one was never reached.
  bool print() const;

 private:
  std::array<std::uint64_t, kMarkCount> counts_{};
};

}  // namespace luge
