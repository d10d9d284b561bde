#pragma once
#include "base/result.h"
#include "model/frontier.h"
#include "pipeline/driver.h"
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

/// Brings state, destination and source together: first start, resumption, adoption after a lost state store, repair of a gap by
/// choice. Creates nothing before everything that can refuse has been asked. Errors: operator_decision for gap and identity.
class DriverOpening {
 public:
  /// `begin_again`: the stream showed a gap that is repaired by choice, and that no fact of the connection tells.
  DriverOpening(const DriverOptions& options, SourceGate& gate, Destination& destination, StateStore& state, Lease lease, bool begin_again)
      : options_(options), gate_(gate), destination_(destination), state_(state), lease_(std::move(lease)), begin_again_(begin_again) {}

  Result<Opening> open();

 private:
  Result<Opening> first_start(Opening opening);
  Result<Opening> adopt(Opening opening);
  Result<Opening> resume(Opening opening);
  Result<Opening> start_over(Opening opening);
  Status apply_column_rules(std::vector<TableRecord>& tables) const;
  Status make_slot(Opening& opening, Epoch epoch);
  static void remember_source(const SessionFacts& facts, StateRecord& record);

  const DriverOptions& options_;
  SourceGate& gate_;
  Destination& destination_;
  StateStore& state_;
  const Lease lease_;
  const bool begin_again_;
};

}  // namespace luge
