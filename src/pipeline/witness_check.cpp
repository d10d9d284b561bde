#include "pipeline/witness_check.h"

#include "pipeline/rule_g.h"

namespace luge {

void WitnessCheck::start_session(const Witness& witness, Lsn confirmed_flush) {
  witness_ = witness;
  confirmed_flush_ = confirmed_flush;
  waiting_ = !witness.commit_lsn.is_zero() && confirmed_flush <= witness.commit_lsn;
}

Status WitnessCheck::transaction(const Witness& arrived) {
  if (!waiting_ || arrived.commit_lsn < witness_.commit_lsn) return ok();
  if (arrived != witness_) return another(arrived.commit_lsn);
  waiting_ = false;
  return ok();
}

Status WitnessCheck::position(Lsn position) {
  // A keepalive's sentPtr is the end of the last record that was decoded: until the witness's own was, it stands at or before it.
  if (waiting_ && position > witness_.commit_lsn) return another(position);
  return ok();
}

Error WitnessCheck::another(Lsn seen) const {
  const Lsn lost = witness_.commit_lsn;
  if (lost <= ledger_.durable_checkpoint().commit_lsn || lost < ledger_.complete_through())
    return to_error(another_history(confirmed_flush_, lost, seen));
  return make_error(Recovery::retry, "regress",
                    "the server does not have the transaction at " + to_string(lost) + " any more, which is on its way to the destination");
}

}  // namespace luge
