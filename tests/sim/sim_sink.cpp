#include "sim/sim_sink.h"

#include <algorithm>

namespace luge {

bool SimSink::try_submit(Batch& batch) {
  if (full()) return false;
  asks_ = false;
  queue_.push_back({std::move(batch), owner_.delivered});
  if (queue_.size() == 1) schedule();
  return true;
}

void SimSink::schedule() { wait_until(now_ + dice_.micros(500, dice_.percent(10) ? 900'000 : 20'000)); }

void SimSink::wait_until(Instant due) {
  due_ = std::max(hang_until_, due);
  if (due_ > due && !std::exchange(hang_felt_, true)) ++faults_felt_;
}

void SimSink::hang_until(Instant until) {
  hang_until_ = until;
  hang_felt_ = false;
  if (!queue_.empty() && !failed_) wait_until(due_);
}

void SimSink::record_intent(const Intent& intent) {
  intent_ = std::max(intent_, intent);
  if (queue_.empty() && !failed_) (void)destination_.record_intent(owner_.fence, intent_);  // an older owner hears it with its next batch
}

std::optional<Result<Frontier>> SimSink::try_take_outcome() {
  if (outcomes_.empty()) return std::nullopt;
  Result<Frontier> first = std::move(outcomes_.front());
  outcomes_.pop_front();
  return first;
}

void SimSink::run() {
  if (queue_.empty() || failed_ || due_ > now_) return;
  Submitted next = std::move(queue_.front());
  queue_.pop_front();
  Result<Frontier> outcome = apply(std::move(next));
  failed_ = !outcome;
  asks_ = !failed_ && ++answers_ % 7 == 0;
  outcomes_.push_back(std::move(outcome));
  if (!queue_.empty()) schedule();
}

Result<Frontier> SimSink::apply(Submitted submitted) {
  const Fault fault = submitted.batch.complete ? std::exchange(fault_, Fault::none) : Fault::none;
  if (fault != Fault::none) ++faults_felt_;
  if (fault == Fault::refuse) {
    marks_.hit(Mark::destination_errors);
    return make_error(Recovery::retry, "destination_busy", "the destination refuses the batch");
  }
  Error lost = make_error(Recovery::retry, "outcome_lost", "the destination did not answer");
  lost.write_state = WriteState::unknown;
  if (fault == Fault::lose_unapplied) {
    marks_.hit(Mark::outcomes_lost_not_applied);
    return lost;
  }
  auto answer = writer_.apply(submitted.batch, submitted.delivered, intent_);
  if (!answer) {
    if (answer.error().code == "fenced") marks_.hit(Mark::fenced_zombies);
    return answer;
  }
  if (fault == Fault::lose_applied) {
    marks_.hit(Mark::outcomes_lost_applied);
    return lost;
  }
  answer->busy = std::chrono::milliseconds(1);
  return answer;
}

bool SimSink::finish_orphan() {
  if (queue_.empty() || failed_ || !queue_.front().batch.complete) return false;
  Submitted next = std::move(queue_.front());
  queue_.pop_front();
  const bool landed = writer_.apply(next.batch, next.delivered, intent_).has_value();
  marks_.hit(landed ? Mark::orphan_writes_landed : Mark::orphan_writes_fenced);
  return landed;
}

}  // namespace luge
