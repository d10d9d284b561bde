#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/opening_plan.h"
#include "pipeline/pipeline.h"
#include "sim/sim_catalog.h"
#include "sim/sim_copy.h"
#include "sim/sim_sink.h"
#include "sim/sim_state.h"
#include "sim/sim_stream.h"

namespace luge {

/// The simulated world as one instance of luge sees it. All outlive every instance.
struct Surroundings {
  SimPostgres& server;
  SimDestination& destination;
  SimStateStore& state;
  Oracle& oracle;
  const Instant& now;
  const Trace& trace;
  Marks& marks;
  PipelineOptions options;
  std::size_t memory_bytes = 64U << 20;
  std::size_t sink_capacity = 3;
  bool streaming = true;
  std::uint64_t faults_felt = 0;
  /// Something happened after which a gap may rightly be reported.
  bool gap_possible = false;
  /// The server went back: what luge stores late may lie beyond its WAL for a while.
  bool restored = false;
  /// luge waits as long as its driver would, and stores positions as seldom. Else it looks around all the time, and stores every one.
  bool waits_as_driver = false;
};

class SimClock final : public Clock {
 public:
  explicit SimClock(const Instant& now) : now_(now) {}
  Instant now() const override { return now_; }
  PgTimestamp wall_now() const override { return {now_.micros + wall_offset}; }
  std::int64_t wall_offset = 0;

 private:
  const Instant& now_;
};

/// One process of luge: the real pipeline and the real plan of how it is opened, and around them the small loop that the real driver is
/// (open, gap test, connect, step, reopen after an error), with an operator who lets gaps be repaired.
class LugeInstance {
 public:
  LugeInstance(Surroundings& around, Dice dice);
  ~LugeInstance();

  void run();
  Instant next_due() const;

  bool stopped() const { return phase_ == Phase::stopped; }
  bool streaming() const { return phase_ == Phase::streaming; }
  Fence fence() const { return owner_.fence; }
  Pipeline* pipeline() { return running_ ? running_->pipeline.get() : nullptr; }

  // Faults.
  /// A worker in the middle of a commit outlives its process by a moment.
  struct Orphan {
    std::shared_ptr<MemoryBudget> memory;
    std::unique_ptr<SimSink> sink;
  };
  std::optional<Orphan> die();
  /// The process is suspended.
  void pause_until(Instant until);
  /// `luge pause`, and `luge resume` then: everything but reading goes on.
  void read_nothing_until(Instant until);
  /// False: there is nothing to finish yet.
  bool drain();
  /// `luge resync`. False: there is no such table, or nobody to ask.
  bool resync(RelationOid oid);
  void wall_clock_jumps(std::int64_t micros) { clock_.wall_offset += micros; }
  SimStream* stream() { return stream_.get(); }
  SimSink* sink() { return running_ ? running_->sink.get() : nullptr; }
  SimStateSink* state_sink() { return running_ ? running_->state.get() : nullptr; }
  SimCopy* copies() { return running_ ? running_->copies.get() : nullptr; }

 private:
  enum class Phase : char { opening, making_slot, connecting, streaming, stopped };
  struct Running {
    std::shared_ptr<MemoryBudget> memory;
    std::unique_ptr<SimSink> sink;
    std::unique_ptr<SimStateSink> state;
    std::unique_ptr<SimCatalog> catalog;
    std::unique_ptr<SimTableFinder> finder;
    std::unique_ptr<SimCopy> copies;
    std::unique_ptr<Pipeline> pipeline;
  };

  void open();
  void refused(const Error& error);
  void make_slot();
  void connect();
  void step();
  /// As the driver: only what the destination's checkpoint does not vouch for itself is worth a write there.
  void copy_intent(bool now);
  bool must_step() const;
  /// Between two steps, if nothing happens.
  Duration longest_wait() const;
  void start_pipeline();
  void lose_session(const Error& error);
  void reopen(const Error& error);
  void stop(const std::string& why);
  /// True: resume.
  bool judged(const GapVerdict& verdict, Epoch epoch);

  Surroundings& around_;
  Dice dice_;
  SimClock clock_;
  SimStream::Owner owner_;
  std::optional<Lease> lease_;
  OpeningPlan plan_;     ///< the last one; the record as it was stored then
  Intent intent_copied_;
  Instant intent_copy_due_;
  Phase phase_ = Phase::opening;
  Instant due_;          ///< opening, making_slot, connecting: the next attempt
  Instant busy_until_;   ///< a step takes time
  Instant paused_until_;
  Instant reads_again_{INT64_MIN};  ///< of the past: it reads
  Instant last_step_;
  Wait wait_;
  bool was_paused_ = false;
  bool reads_nothing_ = false;
  bool woken_ = false;  ///< a command came, which wakes the driver
  bool draining_ = false;
  bool slot_dropped_ = false;
  bool begin_again_ = false;  ///< the stream showed a gap
  std::optional<Running> running_;
  std::unique_ptr<SimStream> stream_;  ///< ends before the pipeline
};

}  // namespace luge
