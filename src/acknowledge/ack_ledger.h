#pragma once
#include <cstddef>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "model/checkpoint.h"

namespace luge {

/// Knows up to which LSN everything is durable. Fed in stream order by the pipeline; pure.
/// `received(P)` says: every transaction that ends at or before P has been delivered to us. P is a Commit.end_lsn or an idle
/// keepalive position (postgres.md §5), never a commit_lsn.
class AckLedger {
 public:
  explicit AckLedger(Lsn complete_through) : received_(complete_through), complete_through_(complete_through) {}

  /// A transaction left rows or operations in the open batch.
  void data_added(PgTimestamp commit_time);
  /// An operation stands in the open batch that later positions depend on (a table stopped, so its changes are kept out).
  void operation_added() { open_data_ = true; }
  /// The stream has passed `position` (all that ended before it was added, or carried nothing).
  void received(Lsn position);
  /// The open batch was sealed at a transaction boundary, and holds everything received so far.
  void sealed(const Checkpoint& checkpoint);
  /// Rows of the open batch were thrown away; the source will send them again.
  void discarded();
  /// The destination has answered for the oldest sealed batch and stands at `checkpoint`. Returns when the oldest transaction of that batch
  /// was committed; nullopt: it held none.
  std::optional<PgTimestamp> durable(const Checkpoint& checkpoint);

  /// `on_quarantine: hold`: while held nothing more becomes complete, whatever becomes durable.
  void hold(bool held) { held_ = held; }
  bool held() const { return held_; }

  /// The largest X with every transaction that ended at or before X durable.
  Lsn complete_through() const { return complete_through_; }
  Lsn received() const { return received_; }
  /// The destination's checkpoint that goes with it.
  const Checkpoint& durable_checkpoint() const { return durable_checkpoint_; }
  void set_durable_checkpoint(const Checkpoint& checkpoint) { durable_checkpoint_ = checkpoint; }
  /// The open batch holds data: its loss would lose every transaction since the first of them.
  bool has_open_data() const { return open_data_; }
  bool idle() const { return !open_data_ && sealed_.empty(); }
  /// Commit time of the oldest transaction that is not durable yet.
  std::optional<PgTimestamp> oldest_unfinished() const;

 private:
  struct Sealed {
    Checkpoint checkpoint;
    Lsn through;
    std::optional<PgTimestamp> first_commit_time;
  };
  void advance(Lsn position);

  Lsn received_;
  Lsn complete_through_;
  Checkpoint durable_checkpoint_;
  bool open_data_ = false;
  bool held_ = false;
  std::optional<PgTimestamp> open_since_;
  std::deque<Sealed> sealed_;
};

}  // namespace luge
