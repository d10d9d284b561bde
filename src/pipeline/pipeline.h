#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "destination/batch_sink.h"
#include "model/frontier.h"
#include "pipeline/pipeline_options.h"
#include "pipeline/pipeline_status.h"
#include "pipeline/ports.h"
#include "source/replication_stream.h"
#include "source/session_facts.h"
#include "state/state_store.h"

namespace luge {

/// What the driver waits for before the next step. All of them at once; whichever comes first.
struct Wait {
  static constexpr Duration kLongest = std::chrono::seconds(30);  ///< a driver waits no longer, whatever it is told

  bool again = false;             ///< there is more to do now: do not wait at all
  bool until_readable = false;    ///< the stream's socket
  Duration pause{0};              ///< so long the stream is left alone: looking again at once would find little. Then the next step is due
  bool until_writable = false;
  bool only_keepalives = false;   ///< the stream brought nothing else when it was read last
  Instant deadline{INT64_MAX};    ///< wake up at the latest then; outcomes of ports wake the driver too
};

struct PipelinePorts {
  BatchSink& sink;
  StateSink& state;
  CatalogPort& catalog;
  CopyPort& copies;
  TableFinder& tables;
  const Clock& clock;
  MemoryBudget& memory;
};

/// Where a pipeline starts from; the truth is the destination's frontier.
struct PipelineStart {
  Frontier frontier;              ///< of Destination::open
  Epoch epoch = 0;
  std::uint32_t timeline = 0;     ///< the source's
  Lsn quiet_since;                ///< StateRecord::quiet_since
  Lsn ack_intent;                 ///< stored; nothing beyond it was ever acknowledged
  bool resync_all = false;        ///< a gap under `on_gap: resync`: every table is copied again
};

/// The five stages wired for one publication. Deterministic: no clock, thread, socket or randomness that it was not given.
/// One instance lives for one opening of the destination; sessions (connections to the source) come and go inside it.
class Pipeline {
 public:
  Pipeline(PipelineOptions options, PipelinePorts ports, PipelineStart start);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// A stream that was started at 0/0 after the gap test said `resume`. The stream must outlive the session.
  void start_session(ReplicationStream& stream, const SessionFacts& facts);
  /// The connection is gone: open transactions and rows of unfinished ones are forgotten; whole ones go on.
  void end_session();

  /// One bounded piece of work. Never blocks. Errors: reconnect (end_session, then a new one), or an error of the
  /// destination or state store (rebuild the pipeline from a freshly opened destination), or stop_pipeline.
  Result<Wait> step();

  /// Stops reading; finishes what is whole; `drained()` once everything whole is durable and acknowledged.
  void drain();
  bool drained() const;

  /// Copies a table again into a shadow; also leaves quarantine and gap. False: no such table.
  bool resync(RelationOid oid);

  /// Reads nothing beyond the running transaction until a barrier is requested or `until` has come: a position taken from the server
  /// meanwhile cannot be passed. Feedback goes on.
  void hold(Instant until);
  /// An operator's hold, until it is taken back: no table changes its state meanwhile, and copies wait too. What was read before is finished.
  void pause(bool paused);
  /// From the next step on a batch may have so many times the rows, and its oldest row the age, of the options; `batch_max_bytes` and the
  /// memory bound it as before. An open batch that is too large by then is sealed.
  void scale_batches(std::uint32_t factor);
  /// Asks for a consistent reader of exactly the transactions with commit_lsn < `lsn`. Answer: take_barrier(id).
  /// Errors: "passed" if the stream is beyond it already, "paused".
  Result<std::uint64_t> request_barrier(Lsn lsn);
  /// Nobody waits for it any more: its reader would pin old rows for ever.
  void cancel_barrier(std::uint64_t id);
  /// nullopt: not yet. An error: the destination has no reader to give; it is answered, and the pipeline goes on.
  std::optional<Result<std::shared_ptr<ReadHandle>>> take_barrier(std::uint64_t id);

  PipelineStatus status() const;
  std::vector<TableRecord> tables() const;
  Checkpoint durable_checkpoint() const;
  Lsn intent_saved() const;
  /// True when every transaction that committed before `lsn` is durable and acknowledged, and no table is still to be copied.
  bool caught_up(Lsn lsn);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
