#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>

#include "acknowledge/ack_ledger.h"
#include "batch/batch_builder.h"
#include "pipeline/change_router.h"
#include "pipeline/pipeline.h"
#include "pipeline/progress_reporter.h"
#include "pipeline/read_pace.h"
#include "pipeline/table_registry.h"

namespace luge {

/// The parts of one pipeline and the order in which a step uses them.
class Pipeline::Impl {
 public:
  Impl(PipelineOptions options, PipelinePorts ports, PipelineStart start);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start_session(ReplicationStream& stream, const SessionFacts& facts);
  void end_session();
  Result<Wait> step();
  void drain();
  bool drained() const;
  bool resync(RelationOid oid) { return tables_.resync(oid); }
  void hold(Instant until) { held_until_ = until; }
  void pause(bool paused) { paused_ = paused; }
  void scale_batches(std::uint32_t factor) { batch_factor_ = factor; }
  Result<std::uint64_t> request_barrier(Lsn lsn);
  void cancel_barrier(std::uint64_t id);
  std::optional<Result<std::shared_ptr<ReadHandle>>> take_barrier(std::uint64_t id);
  PipelineStatus status() const;
  std::vector<TableRecord> tables() const;
  const Checkpoint& durable_checkpoint() const { return ledger_.durable_checkpoint(); }
  Lsn intent_saved() const { return reporter_.intent_saved(); }
  bool caught_up(Lsn lsn);

 private:
  struct InFlight {
    std::uint64_t number = 0;
    bool in_ledger = false;  ///< complete, with a checkpoint the ledger waits for
    std::size_t bytes = 0;
  };

  Status collect_outcomes();
  void hand_over_sealed_batch();
  Status work_between_transactions(Instant now);
  /// The server has shown that it has the history luge followed. Until it has, neither its catalog nor a copy of its tables changes anything: a
  /// server that was set back answers SQL long before the gap test of the next session.
  bool judged() const { return stream_ != nullptr && !router_.expects_witness(); }
  /// Copies that are due, events of the catalog and of copies, filters that are over. True: an operation was added.
  Result<bool> tend_tables(Instant now);
  bool place_barriers();
  Status read_and_decode(Instant now);
  Status read_frames(Instant now, ReadPace::Found& found);
  Status on_keepalive(const WalFrame& frame, Instant now);
  /// Everything of this session before `position` was routed.
  void reached(Lsn position);
  Status handle_payload(Instant now);
  void seal_if_due(Instant now);
  /// Nobody waits for a position that the stream may have reached by now.
  bool may_nap() const;
  /// How long rows wait for company while the destination is idle.
  Duration linger() const;
  /// Rows gather while a batch is under way.
  bool waits_for_answer() const;
  void seal(bool complete);
  /// Between transactions, with nothing under way.
  bool quiet() const;
  void discard_partial();
  Wait next_wait(Instant now) const;

  std::uint64_t most_rows() const { return options_.batch_max_size * batch_factor_; }
  Duration longest_fill() const { return options_.batch_max_fill * batch_factor_; }
  bool full() const;
  bool must_complete() const;
  bool memory_exhausted() const;
  std::size_t gathered_bytes() const { return builder_.bytes() + router_.spool().memory_bytes(); }
  /// Tells the others who share the memory what the open batch and the spool hold.
  void count_memory();
  bool can_accept() const;
  bool held(Instant now) const { return (paused_ || (held_until_ && now < *held_until_)) && !router_.in_transaction(); }

  const PipelineOptions options_;
  PipelinePorts ports_;
  AckLedger ledger_;
  BatchBuilder builder_;
  TableRegistry tables_;
  ChangeRouter router_;
  ProgressReporter reporter_;

  ReplicationStream* stream_ = nullptr;
  std::optional<std::string> stalled_;  ///< a payload that must be handed in again
  bool dry_ = false;                    ///< the last read found nothing more
  ReadPace pace_;
  bool draining_ = false;

  std::optional<Batch> sealed_;
  Checkpoint last_sealed_;
  bool partial_out_ = false;            ///< the first part of the running transaction was sealed
  std::uint64_t batch_number_ = 0;
  std::uint64_t answered_ = 0;
  std::deque<InFlight> in_flight_;
  std::size_t counted_bytes_ = 0;       ///< of gathered_bytes(), in the budget
  std::optional<Instant> builder_since_;
  Duration last_apply_{0};

  std::uint32_t batch_factor_ = 1;
  bool paused_ = false;
  std::optional<Instant> held_until_;
  std::uint64_t next_barrier_;  ///< from the clock: an id of an earlier pipeline names nothing in this one
  std::multimap<Lsn, std::uint64_t> barriers_wanted_;
  std::map<std::uint64_t, Result<std::shared_ptr<ReadHandle>>> barriers_ready_;
  std::set<std::uint64_t> barriers_cancelled_;
  Lsn session_position_;

  Lsn server_lsn_;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t batches_ = 0;
  Duration applying_{0};
  DurationHistogram commit_to_durable_;
};

}  // namespace luge
