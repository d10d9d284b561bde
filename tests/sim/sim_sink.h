#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "destination/batch_sink.h"
#include "sim/dice.h"
#include "sim/sim_destination.h"
#include "sim/sim_stream.h"

namespace luge {

/// One instance's worker in front of the destination. Fault model: a batch takes long, fails without trace, or its outcome is
/// lost whether it was applied or not; when the instance dies, what the worker was doing may still land.
class SimSink final : public BatchSink {
 public:
  enum class Fault : char { none, refuse, lose_applied, lose_unapplied };

  SimSink(SimDestination& destination, const SimStream::Owner& owner, std::size_t capacity, Dice dice, const Instant& now, Marks& marks,
          std::uint64_t& faults_felt)
      : destination_(destination),
        owner_(owner),
        capacity_(capacity),
        writer_(destination, owner.fence),
        dice_(dice),
        now_(now),
        marks_(marks),
        faults_felt_(faults_felt) {}

  bool try_submit(Batch& batch) override;
  std::optional<Result<Frontier>> try_take_outcome() override;
  std::size_t in_flight() const override { return queue_.size() + outcomes_.size(); }
  /// A deep queue stands for a destination that answers late.
  bool pipelined() const override { return capacity_ > kDeep; }
  /// Now and then something happens to the destination that only an answer can tell.
  bool wants_batch() const override { return asks_; }
  static constexpr std::size_t kDeep = 4;

  void run();
  bool has_outcome() const { return !outcomes_.empty(); }
  bool full() const { return queue_.size() >= capacity_; }
  Instant next_due() const { return queue_.empty() || failed_ ? Instant{INT64_MAX} : due_; }
  /// The destination's own copy of the intent: at once when nothing is under way, else with the next commit.
  void record_intent(const Intent& intent);

  // Faults.
  void fail_next_commit(Fault fault) { fault_ = fault; }
  void hang_until(Instant until);
  /// The instance is dead; its worker may be in the middle of a commit that still happens. True: it did something.
  bool finish_orphan();

 private:
  struct Submitted {
    Batch batch;
    Lsn delivered;
  };
  void schedule();
  void wait_until(Instant due);
  Result<Frontier> apply(Submitted submitted);

  SimDestination& destination_;
  const SimStream::Owner& owner_;
  const std::size_t capacity_;
  SimDestination::Writer writer_;
  Dice dice_;
  const Instant& now_;
  Marks& marks_;
  std::uint64_t& faults_felt_;
  std::deque<Submitted> queue_;
  std::deque<Result<Frontier>> outcomes_;
  Instant due_;
  Instant hang_until_;
  bool hang_felt_ = true;  ///< it has kept something waiting
  Fault fault_ = Fault::none;
  std::uint32_t answers_ = 0;
  bool asks_ = false;
  bool failed_ = false;  ///< after an error nothing more is applied: the destination must be reopened
  Intent intent_;
};

}  // namespace luge
