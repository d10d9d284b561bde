#pragma once
#include "base/clock.h"
#include "model/position.h"

namespace luge {

/// A transaction that certainly brought a published change when it was received. A server that still has the history luge followed sends
/// it again whenever the slot stands at or before it. Another history may commit at the same LSN: the commit time tells them apart.
struct Witness {
  Lsn commit_lsn;  ///< zero: none is known
  PgTimestamp commit_time;
  friend auto operator<=>(const Witness&, const Witness&) = default;
};

/// The last whole transaction that is durable in a destination. Everything at or before it is, nothing after it.
struct Checkpoint {
  Epoch epoch = 0;
  Lsn commit_lsn;
  Lsn end_lsn;
  Witness witness{};  ///< the newest one at or before this place; no part of the order

  friend bool operator==(const Checkpoint& a, const Checkpoint& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const Checkpoint& a, const Checkpoint& b) {
    if (const auto epochs = a.epoch <=> b.epoch; epochs != 0) return epochs;
    if (const auto commits = a.commit_lsn <=> b.commit_lsn; commits != 0) return commits;
    return a.end_lsn <=> b.end_lsn;
  }
};

/// Counts owners of a pipeline; a writer with an older fence performs no write, no state change, no acknowledgement.
using Fence = std::uint64_t;

}  // namespace luge
