#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "base/clock.h"
#include "base/mailbox.h"
#include "destination/batch_sink.h"
#include "destination/destination.h"

namespace luge {

/// A Destination on a thread of its own, seen by the pipeline as a BatchSink. After an error nothing more is applied: every later
/// batch is answered with that error, and the owner reopens the destination.
class DestinationWorker final : public BatchSink {
 public:
  static constexpr std::size_t kCapacity = 2;  ///< batches waiting beside the one that is applied
  static constexpr std::size_t kPipelinedCapacity = 64;

  /// `destination` is open and outlives the worker. `wake` is called on the worker's thread after each outcome; it must not block.
  DestinationWorker(Destination& destination, std::function<void()> wake);
  /// Finishes the batch under way, forgets the waiting ones, and joins.
  ~DestinationWorker() override;

  bool try_submit(Batch& batch) override;
  std::optional<Result<Frontier>> try_take_outcome() override;
  std::size_t in_flight() const override { return in_flight_; }
  bool pipelined() const override { return pipelined_; }
  bool wants_batch() const override { return in_flight_ == 0 && destination_.wants_batch(); }

  /// Asks for the destination's copy of ack_intent to be written, between batches; the newest wins.
  void record_intent(const Intent& intent);

 private:
  using Work = std::variant<Batch, Intent>;
  void run(const std::stop_token& stop);
  void answer(Result<Frontier> outcome);
  Result<Frontier> apply(Batch batch);
  /// Pipelined: hands the batch on, and gives the answers that have become known.
  void submit(Batch batch);
  void collect();
  const Error& break_off(Error error);

  Destination& destination_;
  const bool pipelined_;
  const std::size_t capacity_;
  const std::function<void()> wake_;
  std::size_t in_flight_ = 0;  ///< pipeline thread only
  Mailbox<Work> inbox_{kCapacity + 1};
  Mailbox<Result<Frontier>> outbox_;
  std::optional<Error> broken_;  ///< worker thread only
  std::deque<Instant> unanswered_;  ///< worker thread only: when each batch was taken
  std::jthread thread_;
};

}  // namespace luge
