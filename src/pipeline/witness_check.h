#pragma once
#include "acknowledge/ack_ledger.h"
#include "base/result.h"
#include "model/checkpoint.h"

namespace luge {

/// The part of the gap test that only the stream can answer. A data directory or a virtual machine that was set back to an older copy has
/// the same identity and timeline, and once it has written past what luge acknowledged no position tells. But PostgreSQL sends every
/// transaction whose commit record begins at or after the slot's position (SnapBuildXactNeedsSkip in snapbuild.c), in the order of
/// commit: while the slot stands at or before the witness, the witness itself must come before anything beyond it.
class WitnessCheck {
 public:
  explicit WitnessCheck(const AckLedger& ledger) : ledger_(ledger) {}

  /// A session begins at the slot's position, with everything up to the witness's checkpoint received before.
  void start_session(const Witness& witness, Lsn confirmed_flush);
  void end_session() { waiting_ = false; }

  /// The witness has not come yet: nothing beyond it may be believed.
  bool waiting() const { return waiting_; }

  /// A Begin or a Stream Commit arrived. Error: "gap" (an operator decides) when this is another history; "regress" (retry: open again)
  /// when the witness is only on its way to the destination, which alone can say whether it holds what the server lost.
  Status transaction(const Witness& arrived);
  /// Everything that ends at or before `position` was sent: a keepalive, or the end of a transaction, which in another history may begin
  /// before the witness and end beyond it. Errors as above.
  Status position(Lsn position);

 private:
  Error another(Lsn seen) const;

  const AckLedger& ledger_;
  Witness witness_;
  Lsn confirmed_flush_;
  bool waiting_ = false;
};

}  // namespace luge
