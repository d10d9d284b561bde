#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sim/dice.h"
#include "sim/marks.h"
#include "sim/oracle.h"
#include "sim/trace.h"
#include "state/state_store.h"

namespace luge {

/// The durable state of one pipeline, shared by all instances. Fault model: refuses for a while; an older copy is put back; all is lost but
/// the fence, which a real store makes from the clock.
class SimStateStore final : public StateStore {
 public:
  explicit SimStateStore(const Trace& trace) : trace_(trace) {}
  void watched_by(Oracle& oracle) { oracle_ = &oracle; }

  Result<Lease> acquire(const std::string& pipeline) override;
  Result<std::optional<StateRecord>> load(const std::string& pipeline) override;
  Status save(const Lease& lease, const StateRecord& record) override;
  Status remove(const Lease& lease) override;

  bool is_newest(Fence fence) const { return fence == fence_; }
  /// What was stored when the owner with this fence lost it to the next.
  Lsn intent_when_fenced(Fence fence) const { return intents_.at(fence); }
  Fence fence() const { return fence_; }
  Lsn intent() const { return record_ ? record_->ack_intent : Lsn{}; }
  const std::optional<StateRecord>& record() const { return record_; }
  void restore(StateRecord older);
  void lose();

 private:
  const Trace& trace_;
  Oracle* oracle_ = nullptr;
  Fence fence_ = 0;
  std::vector<Lsn> intents_;  ///< by fence, when it ended
  std::optional<StateRecord> record_;
};

/// One instance's way to the store. A save takes a while; when its instance dies, it has happened or not.
class SimStateSink final : public StateSink {
 public:
  SimStateSink(SimStateStore& store, Lease lease, StateRecord base, Dice dice, const Instant& now, Marks& marks, std::uint64_t& faults_felt)
      : store_(store),
        lease_(std::move(lease)),
        record_(std::move(base)),
        stored_(record_),
        dice_(dice),
        now_(now),
        marks_(marks),
        faults_felt_(faults_felt) {}
  ~SimStateSink() override;

  bool try_save(Lsn ack_intent, Lsn quiet_since, const Checkpoint& checkpoint) override;
  std::optional<Result<Lsn>> try_take_saved() override;

  void run();
  bool has_answer() const { return answer_.has_value(); }
  Instant next_due() const { return waiting_ ? due_ : Instant{INT64_MAX}; }
  /// What the store holds, as far as this instance was told.
  const StateRecord& stored() const { return stored_; }

  // Faults.
  void fail_next() { fail_next_ = true; }
  void hang_until(Instant until) {
    hang_until_ = until;
    hang_felt_ = false;
  }

 private:
  SimStateStore& store_;
  const Lease lease_;
  StateRecord record_;
  StateRecord stored_;
  Dice dice_;
  const Instant& now_;
  Marks& marks_;
  std::uint64_t& faults_felt_;
  bool waiting_ = false;
  Instant due_;
  Instant hang_until_;
  bool hang_felt_ = true;  ///< it has kept a save waiting
  bool fail_next_ = false;
  std::optional<Result<Lsn>> answer_;
};

}  // namespace luge
