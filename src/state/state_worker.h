#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.h"
#include "state/state_store.h"

namespace luge {

/// A StateStore on a thread of its own, seen by the pipeline as a StateSink. Keeps the whole StateRecord; saves from the pipeline
/// change ack_intent and checkpoint in it, `update` changes the rest. After a refused save nothing more is written: every later
/// answer is that error, and the owner must start over.
class StateWorker final : public StateSink {
 public:
  /// The store must outlive the worker. `record` is what the store holds (or is about to hold) under `lease`. `wake` is called on
  /// the worker's thread after each answer became ready; it must not block.
  StateWorker(StateStore& store, Lease lease, StateRecord record, std::function<void()> wake);
  /// Finishes the save under way, forgets one that was not started, and joins.
  ~StateWorker() override;

  bool try_save(Lsn ack_intent, Lsn quiet_since, const Checkpoint& checkpoint) override;
  std::optional<Result<Lsn>> try_take_saved() override;

  /// To be stored with the next of those: StateRecord::publication_seen. Any thread.
  void note_publication_seen(Lsn seen) { publication_seen_.store(seen.value, std::memory_order_relaxed); }
  /// Changes other facts and stores the whole record; durable when it returns. Blocks; any thread.
  Status update(const std::function<void(StateRecord&)>& change);
  /// What the store holds now.
  StateRecord record() const;
  const Lease& lease() const { return lease_; }

 private:
  struct Request {
    Lsn ack_intent;
    Lsn quiet_since;
    Checkpoint checkpoint;
  };
  void run(const std::stop_token& stop);
  Status store_changed(const std::function<void(StateRecord&)>& change);

  StateStore& store_;
  const Lease lease_;
  const std::function<void()> wake_;
  std::atomic<std::uint64_t> publication_seen_{0};

  std::mutex writing_;  ///< held across a save, so that saves and updates follow each other
  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any ready_;
  StateRecord record_;
  std::optional<Request> waiting_;
  bool running_ = false;
  std::optional<Result<Lsn>> answer_;
  std::optional<Error> broken_;

  std::jthread thread_;
};

}  // namespace luge
