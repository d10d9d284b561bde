#include "state/state_worker.h"

#include <algorithm>
#include <utility>

namespace luge {

StateWorker::StateWorker(StateStore& store, Lease lease, StateRecord record, std::function<void()> wake)
    : store_(store), lease_(std::move(lease)), wake_(std::move(wake)), record_(std::move(record)), thread_([this](const std::stop_token& stop) {
        run(stop);
      }) {}

StateWorker::~StateWorker() = default;  // the jthread asks for a stop and joins before the rest goes

bool StateWorker::try_save(Lsn ack_intent, Lsn quiet_since, const Checkpoint& checkpoint) {
  {
    std::lock_guard lock(mutex_);
    if (running_ || answer_) return false;
    waiting_ = Request{ack_intent, quiet_since, checkpoint};
  }
  ready_.notify_one();
  return true;
}

std::optional<Result<Lsn>> StateWorker::try_take_saved() {
  std::lock_guard lock(mutex_);
  return std::exchange(answer_, std::nullopt);
}

Status StateWorker::update(const std::function<void(StateRecord&)>& change) { return store_changed(change); }

StateRecord StateWorker::record() const {
  std::lock_guard lock(mutex_);
  return record_;
}

Status StateWorker::store_changed(const std::function<void(StateRecord&)>& change) {
  std::lock_guard one_at_a_time(writing_);
  StateRecord next;
  {
    std::lock_guard lock(mutex_);
    if (broken_) return *broken_;
    next = record_;
  }
  change(next);
  Status saved = store_.save(lease_, next);
  std::lock_guard lock(mutex_);
  if (saved) {
    record_ = std::move(next);
  } else {
    broken_ = saved.error();
  }
  return saved;
}

void StateWorker::run(const std::stop_token& stop) {
  while (true) {
    Request request;
    {
      std::unique_lock lock(mutex_);
      if (!ready_.wait(lock, stop, [this] { return waiting_.has_value(); }) || stop.stop_requested()) return;
      request = *std::exchange(waiting_, std::nullopt);
      running_ = true;
    }
    const Status saved = store_changed([&](StateRecord& record) {
      record.ack_intent = request.ack_intent;
      record.quiet_since = request.quiet_since;
      record.checkpoint = request.checkpoint;
      record.publication_seen = std::max(record.publication_seen, Lsn{publication_seen_.load(std::memory_order_relaxed)});
    });
    {
      std::lock_guard lock(mutex_);
      running_ = false;
      answer_ = saved ? Result<Lsn>(request.ack_intent) : Result<Lsn>(saved.error());
    }
    wake_();
  }
}

}  // namespace luge
