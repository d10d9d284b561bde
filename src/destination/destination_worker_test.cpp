#include "destination/destination_worker.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>
#include <vector>

namespace luge {
namespace {

/// Applies when told to, fails when told to.
class SteppedDestination final : public Destination {
 public:
  Result<Frontier> open(const OpenRequest& /*request*/) override { return Frontier{}; }
  Result<Frontier> apply(Batch batch) override {
    std::unique_lock lock(mutex_);
    ++started_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return permits_ > 0; });
    --permits_;
    applied_.push_back(batch.id);
    if (batch.id == fail_at_) return make_error(Recovery::reconnect, "gone", "the destination is gone");
    Frontier frontier;
    frontier.checkpoint = batch.checkpoint;
    return frontier;
  }
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr /*schema*/, Attempt /*attempt*/) override { return fatal("test", "no copies here"); }
  Status drop_copy(RelationOid /*oid*/, Attempt /*attempt*/) override { return ok(); }
  Result<std::shared_ptr<ReadHandle>> read() override { return fatal("test", "no readers here"); }
  Status begin_epoch(Epoch /*epoch*/) override { return ok(); }
  Status record_intent(const Intent& intent) override {
    std::lock_guard lock(mutex_);
    intent_ = intent;
    changed_.notify_all();
    return ok();
  }
  Status close() override { return ok(); }
  bool wants_batch() const override { return wants_batch_; }

  void permit(int batches) {
    std::lock_guard lock(mutex_);
    permits_ += batches;
    changed_.notify_all();
  }
  template <class Condition>
  void wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int permits_ = 0;
  int started_ = 0;
  std::uint64_t fail_at_ = 0;
  std::atomic<bool> wants_batch_ = false;
  std::vector<std::uint64_t> applied_;
  Intent intent_;
};

Batch numbered(std::uint64_t id) {
  Batch batch;
  batch.id = id;
  batch.checkpoint = {1, Lsn{id * 10}, Lsn{id * 10 + 1}};
  return batch;
}

/// Waits for the worker's wake calls.
class Alarm {
 public:
  void ring() {
    std::lock_guard lock(mutex_);
    ++rings_;
    changed_.notify_all();
  }
  void wait_for(int rings) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return rings_ >= rings; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rings_ = 0;
};

TEST(DestinationWorker, answers_in_order_and_pushes_back) {
  SteppedDestination destination;
  Alarm alarm;
  DestinationWorker worker(destination, [&] { alarm.ring(); });
  std::uint64_t submitted = 0;
  for (std::uint64_t id = 1;; ++id) {
    Batch batch = numbered(id);
    batch.rows = 7;
    if (worker.try_submit(batch)) {
      submitted = id;
      continue;
    }
    EXPECT_EQ(batch.id, id);  // untouched
    EXPECT_EQ(batch.rows, 7U);
    break;
  }
  EXPECT_GE(submitted, 2U);
  EXPECT_LE(submitted, 3U);
  EXPECT_EQ(worker.in_flight(), submitted);
  EXPECT_FALSE(worker.try_take_outcome().has_value());
  destination.permit(static_cast<int>(submitted));
  alarm.wait_for(static_cast<int>(submitted));
  for (std::uint64_t id = 1; id <= submitted; ++id) {
    auto outcome = worker.try_take_outcome();
    ASSERT_TRUE(outcome.has_value());
    ASSERT_TRUE(outcome->has_value());
    EXPECT_EQ((*outcome)->checkpoint.commit_lsn, Lsn{id * 10});
  }
  EXPECT_EQ(worker.in_flight(), 0U);
}

TEST(DestinationWorker, after_an_error_nothing_more_is_applied) {
  SteppedDestination destination;
  destination.fail_at_ = 1;
  Alarm alarm;
  DestinationWorker worker(destination, [&] { alarm.ring(); });
  for (std::uint64_t id = 1; id <= 2; ++id) {
    Batch batch = numbered(id);
    ASSERT_TRUE(worker.try_submit(batch));
  }
  destination.permit(2);
  alarm.wait_for(2);
  for (int i = 0; i < 2; ++i) {
    auto outcome = worker.try_take_outcome();
    ASSERT_TRUE(outcome.has_value());
    ASSERT_FALSE(outcome->has_value());
    EXPECT_EQ(outcome->error().code, "gone");
    EXPECT_EQ(outcome->error().recovery, Recovery::retry);  // it is not the source that is gone
  }
  std::lock_guard lock(destination.mutex_);
  EXPECT_EQ(destination.applied_, std::vector<std::uint64_t>{1});
}

// A batch under way will be answered, with all there is to tell.
TEST(DestinationWorker, asks_for_a_batch_only_while_none_is_under_way) {
  SteppedDestination destination;
  Alarm alarm;
  DestinationWorker worker(destination, [&] { alarm.ring(); });
  EXPECT_FALSE(worker.wants_batch());
  destination.wants_batch_ = true;
  EXPECT_TRUE(worker.wants_batch());
  Batch batch = numbered(1);
  ASSERT_TRUE(worker.try_submit(batch));
  EXPECT_FALSE(worker.wants_batch());
  destination.permit(1);
  alarm.wait_for(1);
  ASSERT_TRUE(worker.try_take_outcome());
  EXPECT_TRUE(worker.wants_batch());
}

TEST(DestinationWorker, intents_pass_between_batches) {
  SteppedDestination destination;
  DestinationWorker worker(destination, [] {});
  worker.record_intent({1, Lsn{5}});
  destination.wait_until([&] { return destination.intent_ == (Intent{1, Lsn{5}}); });
}

TEST(DestinationWorker, ending_finishes_the_batch_under_way_only) {
  SteppedDestination destination;
  std::jthread later;
  {
    DestinationWorker worker(destination, [] {});
    for (std::uint64_t id = 1; id <= 2; ++id) {
      Batch batch = numbered(id);
      ASSERT_TRUE(worker.try_submit(batch));
    }
    destination.wait_until([&] { return destination.started_ == 1; });
    later = std::jthread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));  // until the worker has been asked to stop
      destination.permit(2);
    });
  }
  EXPECT_EQ(destination.applied_, std::vector<std::uint64_t>{1});
}

/// Takes everything at once and answers when told to.
class LateDestination final : public Destination {
 public:
  Result<Frontier> open(const OpenRequest& /*request*/) override { return Frontier{}; }
  Result<Frontier> apply(Batch /*batch*/) override { return fatal("test", "batches are submitted here"); }
  bool pipelined() const override { return true; }
  Status submit(Batch batch) override {
    std::lock_guard lock(mutex_);
    taken_.push_back(batch.checkpoint);
    return ok();
  }
  Result<std::optional<Frontier>> poll() override {
    std::lock_guard lock(mutex_);
    if (broken_) return make_error(Recovery::reconnect, "gone", "the destination is gone");
    if (durable_ == 0) return std::optional<Frontier>();
    --durable_;
    Frontier frontier;
    frontier.checkpoint = taken_.front();
    taken_.erase(taken_.begin());
    return std::optional(frontier);
  }
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr /*schema*/, Attempt /*attempt*/) override { return fatal("test", "no copies here"); }
  Status drop_copy(RelationOid /*oid*/, Attempt /*attempt*/) override { return ok(); }
  Result<std::shared_ptr<ReadHandle>> read() override { return fatal("test", "no readers here"); }
  Status record_intent(const Intent& /*intent*/) override { return ok(); }
  Status begin_epoch(Epoch /*epoch*/) override { return ok(); }
  Status close() override { return ok(); }

  std::mutex mutex_;
  std::vector<Checkpoint> taken_;
  std::size_t durable_ = 0;
  bool broken_ = false;
};

Result<Frontier> next_outcome(DestinationWorker& worker) {
  for (int i = 0; i < 5000; ++i) {
    if (auto outcome = worker.try_take_outcome()) return std::move(*outcome);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return fatal("test", "no outcome came");
}

TEST(DestinationWorker, PipelinedBatchesAreAnsweredInOrderOnceDurable) {
  LateDestination destination;
  DestinationWorker worker(destination, [] {});
  EXPECT_TRUE(worker.pipelined());
  for (std::uint64_t id = 1; id <= 10; ++id) {
    Batch batch = numbered(id);
    batch.checkpoint.commit_lsn = Lsn{id};
    while (!worker.try_submit(batch)) std::this_thread::yield();
  }
  EXPECT_EQ(worker.in_flight(), 10u);
  EXPECT_FALSE(worker.try_take_outcome()) << "nothing is durable yet";
  {
    std::lock_guard lock(destination.mutex_);
    destination.durable_ = 4;
  }
  for (std::uint64_t id = 1; id <= 4; ++id) EXPECT_EQ(next_outcome(worker)->checkpoint.commit_lsn, Lsn{id});
  EXPECT_EQ(worker.in_flight(), 6u);
  {
    std::lock_guard lock(destination.mutex_);
    destination.broken_ = true;
  }
  for (int i = 0; i < 6; ++i) {
    const auto outcome = next_outcome(worker);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, "gone");
    EXPECT_EQ(outcome.error().recovery, Recovery::retry) << "the source is not lost";
  }
  EXPECT_EQ(worker.in_flight(), 0u);
}

}  // namespace
}  // namespace luge
