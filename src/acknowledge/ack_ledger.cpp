#include "acknowledge/ack_ledger.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

void AckLedger::data_added(PgTimestamp commit_time) {
  open_data_ = true;
  if (!open_since_) open_since_ = commit_time;
}

void AckLedger::received(Lsn position) {
  received_ = std::max(received_, position);
  if (open_data_) return;
  if (sealed_.empty()) {
    advance(received_);
  } else {
    sealed_.back().through = received_;
  }
}

void AckLedger::sealed(const Checkpoint& checkpoint) {
  sealed_.push_back({checkpoint, received_, open_since_});
  open_data_ = false;
  open_since_.reset();
}

void AckLedger::discarded() {
  // What was received with it comes again, so `received_` must fall back to what the sealed batches cover.
  open_data_ = false;
  open_since_.reset();
  received_ = sealed_.empty() ? complete_through_ : sealed_.back().through;
}

std::optional<PgTimestamp> AckLedger::durable(const Checkpoint& checkpoint) {
  ENSURE(!sealed_.empty(), "an answer for a batch that was never sealed");
  ENSURE(checkpoint >= sealed_.front().checkpoint, "the destination answered success but stands before the batch");
  durable_checkpoint_ = std::max(durable_checkpoint_, checkpoint);
  const Lsn through = sealed_.front().through;
  const std::optional<PgTimestamp> committed = sealed_.front().first_commit_time;
  sealed_.pop_front();
  advance(sealed_.empty() && !open_data_ ? received_ : through);
  return committed;
}

void AckLedger::advance(Lsn position) {
  if (!held_) complete_through_ = std::max(complete_through_, position);
}

std::optional<PgTimestamp> AckLedger::oldest_unfinished() const {
  for (const Sealed& entry : sealed_) {
    if (entry.first_commit_time) return entry.first_commit_time;
  }
  return open_since_;
}

}  // namespace luge
