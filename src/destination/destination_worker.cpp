#include "destination/destination_worker.h"

#include <chrono>
#include <utility>

#include "base/ensure.h"
#include "base/log.h"

namespace luge {

DestinationWorker::DestinationWorker(Destination& destination, std::function<void()> wake)
    : destination_(destination),
      pipelined_(destination.pipelined()),
      capacity_(pipelined_ ? kPipelinedCapacity : kCapacity),
      wake_(std::move(wake)),
      outbox_(capacity_ + 2),
      thread_(InLogContext([this](const std::stop_token& stop) { run(stop); })) {}

DestinationWorker::~DestinationWorker() {
  thread_.request_stop();
  thread_.join();
}

bool DestinationWorker::try_submit(Batch& batch) {
  if (in_flight_ >= capacity_) return false;
  Work work(std::move(batch));
  if (!inbox_.try_push(work)) {
    batch = std::move(std::get<Batch>(work));
    return false;
  }
  ++in_flight_;
  return true;
}

std::optional<Result<Frontier>> DestinationWorker::try_take_outcome() {
  auto outcome = outbox_.try_pop();
  if (outcome) --in_flight_;
  return outcome;
}

void DestinationWorker::record_intent(const Intent& intent) {
  // A full inbox means that commits are coming, and each of them vouches for more than this intent.
  Work work(intent);
  inbox_.try_push(work);
}

void DestinationWorker::run(const std::stop_token& stop) {
  while (true) {
    auto work = unanswered_.empty() ? inbox_.pop(stop) : inbox_.pop_for(stop, Destination::kPollInterval);
    if (!work && (stop.stop_requested() || unanswered_.empty())) return;
    if (!work) {
      collect();
      continue;
    }
    if (const auto* intent = std::get_if<Intent>(&*work)) {
      if (broken_) continue;
      if (auto status = destination_.record_intent(*intent); !status)
        log_event(LogLevel::warn, "intent_not_recorded", status.error().what, {{"code", status.error().code}});
      continue;
    }
    if (stop.stop_requested()) return;
    if (pipelined_) {
      submit(std::move(std::get<Batch>(*work)));
      collect();
      // A slot in the inbox is free: the pipeline may have waited for it.
      wake_();
    } else {
      answer(apply(std::move(std::get<Batch>(*work))));
    }
  }
}

void DestinationWorker::answer(Result<Frontier> outcome) {
  ENSURE(outbox_.try_push(outcome), "more outcomes than batches");
  wake_();
}

const Error& DestinationWorker::break_off(Error error) {
  broken_ = std::move(error);
  // A destination that went away is reopened, never mistaken for a lost source.
  if (broken_->recovery == Recovery::reconnect) broken_->recovery = Recovery::retry;
  return *broken_;
}

Result<Frontier> DestinationWorker::apply(Batch batch) {
  if (broken_) return *broken_;
  const auto begin = std::chrono::steady_clock::now();
  Result<Frontier> outcome = destination_.apply(std::move(batch));
  if (!outcome) return break_off(std::move(outcome).error());
  outcome->busy = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  return outcome;
}

void DestinationWorker::submit(Batch batch) {
  unanswered_.push_back(SystemClock().now());
  if (broken_) return;
  if (Status taken = destination_.submit(std::move(batch)); !taken) break_off(std::move(taken).error());
}

void DestinationWorker::collect() {
  while (!unanswered_.empty()) {
    if (!broken_) {
      Result<std::optional<Frontier>> next = destination_.poll();
      if (next && !*next) return;
      if (next) {
        (*next)->busy = SystemClock().now() - unanswered_.front();
        unanswered_.pop_front();
        answer(std::move(**next));
        continue;
      }
      break_off(std::move(next).error());
    }
    unanswered_.pop_front();
    answer(*broken_);
  }
}

}  // namespace luge
