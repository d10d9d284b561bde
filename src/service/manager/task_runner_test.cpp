#include "service/manager/task_runner.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <semaphore>
#include <stdexcept>
#include <thread>

namespace luge {
namespace {

/// Runs until it is told to end, then ends as the test says.
class ObedientTask final : public PipelineTask {
 public:
  explicit ObedientTask(Status end = ok()) : end_(std::move(end)) {}
  Status run() override {
    ended.acquire();
    return end_;
  }
  void request_drain() override { ended.release(); }
  void request_stop() override { ended.release(); }
  void request_resume() override { paused = false; }
  void on_state_change(std::function<void()>) override {}
  TaskStatus status() const override {
    TaskStatus now;
    now.state = paused ? "paused" : "live";
    now.tables = 3;
    return now;
  }
  std::counting_semaphore<> ended{0};
  std::atomic<bool> paused{true};

 private:
  Status end_;
};

struct Ends {
  std::counting_semaphore<> count{0};
  std::function<void()> note = [this] { count.release(); };
  bool wait() { return count.try_acquire_for(std::chrono::seconds(10)); }
};

PipelineSpec spec() {
  PipelineSpec made;
  made.name = "orders";
  return made;
}

template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(TaskRunner, RunsUntilItIsDrained) {
  Ends ends;
  TaskRunner runner(
      spec(), [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { return std::make_unique<ObedientTask>(); }, ends.note, [] {});
  ASSERT_TRUE(eventually([&] { return runner.status().state == "paused"; }));
  EXPECT_FALSE(runner.outcome());
  runner.request_resume();
  EXPECT_EQ(runner.status().state, "live");
  runner.request_drain();
  ASSERT_TRUE(ends.wait());
  ASSERT_TRUE(runner.outcome());
  EXPECT_TRUE(*runner.outcome());
  EXPECT_EQ(runner.status().state, "stopped");
  EXPECT_EQ(runner.status().tables, 3U) << "the last it said";
  runner.request_resume();  // there is nobody left to hear it
}

TEST(TaskRunner, TellsWhenItsTaskIsThere) {
  Ends ends;
  Ends changes;
  TaskRunner runner(
      spec(), [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { return std::make_unique<ObedientTask>(); }, ends.note, changes.note);
  ASSERT_TRUE(changes.wait());
  EXPECT_EQ(runner.status().state, "paused");
  runner.request_stop();
  ASSERT_TRUE(ends.wait());
}

TEST(TaskRunner, AnErrorIsItsOutcome) {
  Ends ends;
  TaskRunner runner(
      spec(), [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { return std::make_unique<ObedientTask>(fatal("gap", "missing")); },
      ends.note, [] {});
  ASSERT_TRUE(eventually([&] { return runner.status().state == "paused"; }));
  runner.request_stop();
  ASSERT_TRUE(ends.wait());
  EXPECT_EQ(runner.outcome()->error().code, "gap");
  EXPECT_EQ(runner.status().state, "failed");
  EXPECT_EQ(runner.status().error->code, "gap");
}

TEST(TaskRunner, WhatCannotBeMadeHasFailed) {
  Ends ends;
  const TaskRunner runner(
      spec(), [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { return fatal("running", "locked"); }, ends.note, [] {});
  ASSERT_TRUE(ends.wait());
  EXPECT_EQ(runner.outcome()->error().code, "running");
}

TEST(TaskRunner, AnExceptionStaysInsideAndItsTextToo) {
  Ends ends;
  const TaskRunner runner(
      spec(), [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { throw std::runtime_error("a row's value"); }, ends.note, [] {});
  ASSERT_TRUE(ends.wait());
  EXPECT_EQ(runner.outcome()->error().code, "crashed");
  EXPECT_EQ(runner.outcome()->error().recovery, Recovery::retry);
  EXPECT_EQ(runner.outcome()->error().message().find("value"), std::string::npos);
}

TEST(TaskRunner, ARequestBeforeThereIsATaskIsNotLost) {
  Ends ends;
  std::counting_semaphore<> made{0};
  TaskRunner runner(
      spec(),
      [&](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> {
        made.acquire();
        return std::make_unique<ObedientTask>();
      },
      ends.note, [] {});
  EXPECT_EQ(runner.status().state, "starting");
  runner.request_drain();
  made.release();
  ASSERT_TRUE(ends.wait());
  EXPECT_TRUE(*runner.outcome());
}

TEST(TaskRunner, ATaskThatIsMadeLaterGoesOnToo) {
  Ends ends;
  std::counting_semaphore<> made{0};
  TaskRunner runner(
      spec(),
      [&](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> {
        made.acquire();
        return std::make_unique<ObedientTask>();
      },
      ends.note, [] {});
  runner.request_resume();
  made.release();
  EXPECT_TRUE(eventually([&] { return runner.status().state == "live"; }));
  runner.request_drain();
  ASSERT_TRUE(ends.wait());
}

}  // namespace
}  // namespace luge
