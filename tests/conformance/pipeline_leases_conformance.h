#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "service/catalog/pipeline_leases.h"

namespace luge {

/// How one kind of PipelineLeases is made for the suite: each call of `open` is another process's.
struct PipelineLeasesQuirks {
  std::string name;
  std::function<std::string()> new_place;
  std::function<std::unique_ptr<PipelineLeases>(const std::string& place)> open;
};

/// What every PipelineLeases must do.
class PipelineLeasesConformance : public testing::TestWithParam<PipelineLeasesQuirks> {
 protected:
  static constexpr Duration kLong = std::chrono::minutes(1);
  static constexpr Duration kShort = std::chrono::milliseconds(200);

  std::unique_ptr<PipelineLeases> open() { return GetParam().open(place_); }
  static std::optional<PipelineLease> acquire(PipelineLeases& leases, const std::string& pipeline, const std::string& owner, Duration ttl = kLong) {
    auto lease = leases.try_acquire(pipeline, owner, ttl);
    EXPECT_TRUE(lease) << lease.error().message();
    return lease ? *lease : std::nullopt;
  }
  static LeaseView renew(PipelineLeases& leases, const std::string& owner, Duration ttl = kLong, bool available = true) {
    auto view = leases.renew(owner, ttl, available);
    EXPECT_TRUE(view) << view.error().message();
    return view ? *std::move(view) : LeaseView{};
  }
  const std::string place_ = GetParam().new_place();
};

TEST_P(PipelineLeasesConformance, OneAtATimeAndFencesGrow) {
  auto first = open();
  auto second = open();
  const auto lease = acquire(*first, "orders", "a");
  ASSERT_TRUE(lease);
  EXPECT_FALSE(acquire(*second, "orders", "b"));
  EXPECT_TRUE(acquire(*second, "others", "b"));
  ASSERT_TRUE(first->release(*lease));
  const auto next = acquire(*second, "orders", "b");
  ASSERT_TRUE(next);
  EXPECT_GT(next->fence, lease->fence);
  ASSERT_TRUE(first->release(*lease)) << "it belongs to another one: nothing happens";
  EXPECT_FALSE(acquire(*first, "orders", "a"));
}

TEST_P(PipelineLeasesConformance, WhatIsNotRenewedIsTaken) {
  auto dead = open();
  auto alive = open();
  const auto old = acquire(*dead, "orders", "dead", kShort);
  ASSERT_TRUE(old);
  renew(*dead, "dead", kShort);
  EXPECT_FALSE(acquire(*alive, "orders", "alive"));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto taken = acquire(*alive, "orders", "alive");
  ASSERT_TRUE(taken);
  EXPECT_GT(taken->fence, old->fence);
  const LeaseView view = renew(*dead, "dead");  // the zombie wakes up
  ASSERT_EQ(view.leases.size(), 1U);
  EXPECT_EQ(view.leases[0].lease.owner, "alive");
  EXPECT_EQ(view.leases[0].lease.fence, taken->fence);
}

TEST_P(PipelineLeasesConformance, RenewingExtendsWhatIsHeldAndShowsWhoIsThere) {
  auto a = open();
  auto b = open();
  acquire(*a, "one", "a", kShort);
  acquire(*a, "two", "a", kShort);
  renew(*b, "b");
  const LeaseView view = renew(*a, "a");
  EXPECT_EQ(view.instances, (std::vector<std::string>{"a", "b"}));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(acquire(*b, "one", "b")) << "extended";
  ASSERT_EQ(view.leases.size(), 2U);
  EXPECT_EQ(view.leases[0].lease.pipeline, "one");
  EXPECT_FALSE(view.leases[0].expired);

  ASSERT_TRUE(a->leave("a"));
  const LeaseView after = renew(*b, "b");
  EXPECT_EQ(after.instances, std::vector<std::string>{"b"});
  ASSERT_EQ(after.leases.size(), 2U);
  EXPECT_TRUE(after.leases[0].lease.owner.empty());
  EXPECT_TRUE(after.leases[0].expired);
  EXPECT_EQ(after.leases[0].lease.fence, view.leases[0].lease.fence) << "kept, so that it is never given twice";
}

TEST_P(PipelineLeasesConformance, AnExpiredInstanceIsNotThereAnyMore) {
  auto a = open();
  renew(*a, "gone", kShort);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(renew(*a, "a").instances, std::vector<std::string>{"a"});
}

TEST_P(PipelineLeasesConformance, WhoCannotTakeMoreKeepsWhatItHasAndIsNoInstance) {
  auto a = open();
  auto b = open();
  acquire(*a, "orders", "a", kShort);
  renew(*a, "a");
  EXPECT_EQ(renew(*b, "b").instances, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(renew(*a, "a", kLong, false).instances, std::vector<std::string>{"b"});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(acquire(*b, "orders", "b"));
}

TEST_P(PipelineLeasesConformance, ManyTryAndOneGetsIt) {
  std::atomic<int> winners{0};
  {
    std::vector<std::jthread> processes;
    for (int i = 0; i < 4; ++i) {
      processes.emplace_back([&, i] {
        const auto leases = open();
        if (acquire(*leases, "orders", "process-" + std::to_string(i))) ++winners;
      });
    }
  }
  EXPECT_EQ(winners.load(), 1);
}

}  // namespace luge
