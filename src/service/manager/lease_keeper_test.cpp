#include "service/manager/lease_keeper.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>
#include <vector>

namespace luge {
namespace {

class HandClock final : public Clock {
 public:
  Instant now() const override { return {micros.load()}; }
  PgTimestamp wall_now() const override { return {}; }
  void advance(Duration by) { micros += by.count(); }
  std::atomic<std::int64_t> micros{0};
};

/// In memory; can be cut off. Nothing expires by itself: the test says what has.
class FakeLeases final : public PipelineLeases {
 public:
  Result<LeaseView> renew(const std::string& owner, Duration, bool available) override {
    const std::lock_guard lock(mutex);
    if (cut) return make_error(Recovery::retry, "unreachable", "no answer");
    std::erase(view.instances, owner);
    if (available) view.instances.push_back(owner);
    std::ranges::sort(view.instances);
    ++renewals;
    return view;
  }
  Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration) override {
    const std::lock_guard lock(mutex);
    for (LeaseView::Entry& entry : view.leases) {
      if (entry.lease.pipeline != pipeline) continue;
      if (!entry.expired) return std::optional<PipelineLease>();
      entry.lease.owner = owner;
      ++entry.lease.fence;
      entry.expired = false;
      return std::optional<PipelineLease>(entry.lease);
    }
    view.leases.push_back({{pipeline, owner, 1}, false});
    return std::optional<PipelineLease>(view.leases.back().lease);
  }
  Status release(const PipelineLease& lease) override {
    const std::lock_guard lock(mutex);
    for (LeaseView::Entry& entry : view.leases) {
      if (entry.lease.pipeline == lease.pipeline && entry.lease.fence == lease.fence) {
        entry.lease.owner.clear();
        entry.expired = true;
      }
    }
    return ok();
  }
  Status leave(const std::string&) override { return ok(); }

  std::mutex mutex;
  LeaseView view;
  std::atomic<bool> cut{false};
  std::atomic<int> renewals{0};
};

template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

struct Keeping {
  FakeLeases leases;
  HandClock clock;
  std::atomic<int> changes{0};
  LeaseKeeper keeper{leases, {"me", std::chrono::seconds(5), std::chrono::milliseconds(5)}, clock, [this] { ++changes; }};

  bool holds(const std::string& name) { return keeper.held().fences.contains(name); }
  bool looked() {
    const int before = leases.renewals.load();
    return eventually([&] { return leases.renewals.load() > before + 1; });
  }
};

TEST(LeaseKeeper, TakesWhatIsActiveAndGivesBackWhatIsNot) {
  Keeping it;
  it.keeper.set_pipelines({{"a", "b"}, {}, true});
  ASSERT_TRUE(eventually([&] { return it.holds("a") && it.holds("b"); }));
  EXPECT_GT(it.changes.load(), 0);
  it.keeper.set_pipelines({{"a"}, {"b"}, true});
  ASSERT_TRUE(it.looked());
  EXPECT_TRUE(it.holds("b")) << "its task has not ended";
  it.keeper.set_pipelines({{"a"}, {}, true});
  ASSERT_TRUE(eventually([&] { return !it.holds("b"); }));
  EXPECT_TRUE(it.holds("a"));
  EXPECT_EQ(it.keeper.held().free.at("b"), 1);
}

TEST(LeaseKeeper, TakesNothingBeforeItIsAvailable) {
  Keeping it;
  it.keeper.set_pipelines({{"a"}, {}, false});
  ASSERT_TRUE(it.looked());
  EXPECT_FALSE(it.holds("a"));
  it.keeper.set_pipelines({{"a"}, {}, true});
  EXPECT_TRUE(eventually([&] { return it.holds("a"); }));
}

TEST(LeaseKeeper, WhatAnotherOneTookIsLost) {
  Keeping it;
  it.keeper.set_pipelines({{"a"}, {"a"}, true});
  ASSERT_TRUE(eventually([&] { return it.holds("a"); }));
  {
    const std::lock_guard lock(it.leases.mutex);
    it.leases.view.leases[0].lease = {"a", "you", 9};
  }
  ASSERT_TRUE(eventually([&] { return !it.holds("a"); }));
  EXPECT_EQ(it.keeper.held().elsewhere.at("a"), 9);
}

TEST(LeaseKeeper, CutOffItHoldsUntilTheLeasesExpireIfSomebodyElseIsThere) {
  Keeping it;
  {
    const std::lock_guard lock(it.leases.mutex);
    it.leases.view.instances = {"you"};
  }
  it.keeper.set_pipelines({{"a"}, {"a"}, true});
  ASSERT_TRUE(eventually([&] { return it.holds("a"); }));
  it.leases.cut = true;
  it.clock.advance(std::chrono::seconds(4));
  EXPECT_TRUE(it.holds("a"));
  EXPECT_LE(it.keeper.held().look_again.micros, 5'000'000 + 4'000'000);
  it.clock.advance(std::chrono::seconds(6));
  EXPECT_FALSE(it.holds("a"));
  it.leases.cut = false;
  EXPECT_TRUE(eventually([&] { return it.holds("a"); })) << "nobody took it meanwhile";
}

TEST(LeaseKeeper, CutOffAndAloneItGoesOn) {
  Keeping it;
  it.keeper.set_pipelines({{"a"}, {"a"}, true});
  ASSERT_TRUE(eventually([&] { return it.holds("a"); }));
  it.leases.cut = true;
  it.clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(it.holds("a"));
}

TEST(LeaseKeeper, HandsOverWhatAnotherOneLacks) {
  Keeping it;
  it.keeper.set_pipelines({{"a", "b"}, {"a", "b"}, true});
  ASSERT_TRUE(eventually([&] { return it.holds("a") && it.holds("b"); }));
  {
    const std::lock_guard lock(it.leases.mutex);
    it.leases.view.instances.emplace_back("you");
  }
  ASSERT_TRUE(eventually([&] { return !it.keeper.held().hand_over.empty(); }));
  EXPECT_EQ(it.keeper.held().hand_over, std::set<std::string>{"b"});
  EXPECT_TRUE(it.holds("b")) << "until its task has ended";
  it.keeper.set_pipelines({{"a", "b"}, {"a"}, true});
  EXPECT_TRUE(eventually([&] { return !it.holds("b"); }));
  ASSERT_TRUE(it.looked());
  EXPECT_FALSE(it.holds("b")) << "not taken again";
}

}  // namespace
}  // namespace luge
