#include "sim/sim_state.h"

#include <algorithm>

namespace luge {

Result<Lease> SimStateStore::acquire(const std::string& pipeline) {
  intents_.push_back(intent());
  return Lease{pipeline, ++fence_};
}

Result<std::optional<StateRecord>> SimStateStore::load(const std::string& /*pipeline*/) { return record_; }

Status SimStateStore::save(const Lease& lease, const StateRecord& record) {
  if (lease.fence != fence_) return needs_operator("fenced", "another instance owns the pipeline");
  if (record_) {
    const bool back = record.epoch < record_->epoch ||
                      (record.epoch == record_->epoch && (record.ack_intent < record_->ack_intent || record.checkpoint < record_->checkpoint));
    if (back) {
      oracle_->fail("I3", "the stored state goes back to intent " + to_string(record.ack_intent) + ", checkpoint " +
                              to_string(record.checkpoint.commit_lsn) + ", epoch " + std::to_string(record.epoch));
      return fatal("regress", "the stored state would go back");
    }
  }
  record_ = record;
  oracle_->intent_saved(record.ack_intent);
  trace_([&] {
    return "state   intent " + to_string(record.ack_intent) + " checkpoint " + to_string(record.checkpoint.commit_lsn) + " epoch " +
           std::to_string(record.epoch);
  });
  return ok();
}

Status SimStateStore::remove(const Lease& lease) {
  if (lease.fence != fence_) return needs_operator("fenced", "another instance owns the pipeline");
  record_.reset();
  return ok();
}

void SimStateStore::restore(StateRecord older) {
  trace_([&] { return "state   RESTORED to intent " + to_string(older.ack_intent); });
  record_ = std::move(older);
}

void SimStateStore::lose() {
  trace_([] { return std::string("state   LOST"); });
  record_.reset();
}

SimStateSink::~SimStateSink() {
  if (!waiting_ || fail_next_) return;
  if (dice_.percent(50)) {
    (void)store_.save(lease_, record_).has_value();
  } else {
    marks_.hit(Mark::state_saves_lost);
  }
}

bool SimStateSink::try_save(Lsn ack_intent, Lsn quiet_since, const Checkpoint& checkpoint) {
  if (waiting_ || answer_) return false;
  record_.ack_intent = ack_intent;
  record_.quiet_since = quiet_since;
  record_.checkpoint = checkpoint;
  waiting_ = true;
  due_ = now_ + dice_.micros(100, dice_.percent(5) ? 800'000 : 8'000);
  if (hang_until_ > due_ && !std::exchange(hang_felt_, true)) ++faults_felt_;
  due_ = std::max(due_, hang_until_);
  return true;
}

std::optional<Result<Lsn>> SimStateSink::try_take_saved() { return std::exchange(answer_, std::nullopt); }

void SimStateSink::run() {
  if (!waiting_ || due_ > now_) return;
  waiting_ = false;
  if (std::exchange(fail_next_, false)) {
    marks_.hit(Mark::state_errors);
    ++faults_felt_;
    if (dice_.percent(50)) (void)store_.save(lease_, record_).has_value();  // it happened, and the answer was lost
    answer_.emplace(make_error(Recovery::retry, "state_unavailable", "the state store does not answer"));
    return;
  }
  const Status saved = store_.save(lease_, record_);
  if (!saved) {
    if (saved.error().code == "fenced") marks_.hit(Mark::fenced_zombies);
    answer_.emplace(saved.error());
    return;
  }
  stored_ = record_;
  answer_.emplace(record_.ack_intent);
}

}  // namespace luge
