#pragma once
#include "base/result.h"
#include "model/frontier.h"
#include "pipeline/driver.h"
#include "pipeline/opening_plan.h"
#include "pipeline/source_gate.h"
#include "state/state_store.h"

namespace luge {

/// What a pipeline starts from, once state, destination, slot and publication agree.
struct Opening {
  StateRecord record;
  Frontier frontier;
  SessionFacts facts;
  bool resync_all = false;
};

/// Brings state, destination and source together: asks them, has plan_opening() decide, and does what it says. Creates nothing before
/// everything that can refuse has been asked. Errors: operator_decision for gap and identity.
class DriverOpening {
 public:
  /// `begin_again`: the stream showed a gap that is repaired by choice, and that no fact of the connection tells.
  DriverOpening(const DriverOptions& options, SourceGate& gate, Destination& destination, StateStore& state, Lease lease, bool begin_again)
      : options_(options), gate_(gate), destination_(destination), state_(state), lease_(std::move(lease)), begin_again_(begin_again) {}

  Result<Opening> open();

 private:
  /// What this run calls things.
  StateRecord ours() const;
  static void tell(const OpeningPlan& plan, const SlotFacts& slot);
  Status apply_column_rules(std::vector<TableRecord>& tables) const;
  /// `record` is stored already: a crash from here on is noticed.
  Status make_slot(Opening& opening, StateRecord record);

  const DriverOptions& options_;
  SourceGate& gate_;
  Destination& destination_;
  StateStore& state_;
  const Lease lease_;
  const bool begin_again_;
};

}  // namespace luge
