#include "service/manager/lease_plan.h"

#include <gtest/gtest.h>
#include <map>

namespace luge {
namespace {

/// Processes that look one after the other until nothing changes any more.
struct Cluster {
  std::set<std::string> active;
  std::map<std::string, std::string> owners;  ///< of pipelines
  std::set<std::string> alive;
  std::size_t moves = 0;

  explicit Cluster(std::size_t pipelines) {
    for (std::size_t i = 0; i < pipelines; ++i) active.insert("p" + std::to_string(1000 + i));
  }
  LeaseView view() const {
    LeaseView out;
    out.instances.assign(alive.begin(), alive.end());
    for (const auto& [pipeline, owner] : owners) out.leases.push_back({{pipeline, owner, 1}, !alive.contains(owner)});
    return out;
  }
  bool look(const std::string& owner) {
    const LeasePlan plan = plan_leases(view(), active, owner);
    std::size_t room = plan.room;
    bool changed = false;
    for (const std::string& name : plan.acquire) {
      if (room-- == 0) break;
      owners[name] = owner;
      changed = true;
    }
    for (const std::string& name : plan.hand_over) {
      owners[name] = "";
      ++moves;
      changed = true;
    }
    return changed;
  }
  void settle() {
    for (int round = 0; round < 1000; ++round) {
      bool changed = false;
      for (const std::string& owner : alive) changed = look(owner) || changed;
      if (!changed) return;
    }
    FAIL() << "leases never settle";
  }
  std::map<std::string, std::size_t> counts() const {
    std::map<std::string, std::size_t> out;
    for (const auto& [pipeline, owner] : owners) {
      if (alive.contains(owner)) ++out[owner];
    }
    return out;
  }
  std::size_t held() const {
    std::size_t sum = 0;
    for (const auto& [owner, count] : counts()) sum += count;
    return sum;
  }
};

TEST(LeasePlan, OneProcessTakesEverything) {
  Cluster cluster(200);
  cluster.alive = {"a"};
  cluster.settle();
  EXPECT_EQ(cluster.counts()["a"], 200U);
  EXPECT_EQ(cluster.moves, 0U);
}

TEST(LeasePlan, NewcomersGetTheirShareAndThenNothingMoves) {
  Cluster cluster(200);
  cluster.alive = {"a"};
  cluster.settle();
  cluster.alive = {"a", "b", "c"};
  cluster.settle();
  EXPECT_EQ(cluster.held(), 200U);
  for (const auto& [owner, count] : cluster.counts()) {
    EXPECT_GE(count, 66U) << owner;
    EXPECT_LE(count, 67U) << owner;
  }
  const std::size_t moves = cluster.moves;
  EXPECT_LE(moves, 140U);
  cluster.settle();
  EXPECT_EQ(cluster.moves, moves);
}

TEST(LeasePlan, TheDeadOnesPipelinesAreTaken) {
  Cluster cluster(10);
  cluster.alive = {"a", "b", "c"};
  cluster.settle();
  cluster.alive = {"b"};
  cluster.settle();
  EXPECT_EQ(cluster.counts()["b"], 10U);
}

TEST(LeasePlan, EveryClusterSettlesWithEverythingHeld) {
  for (std::size_t pipelines = 0; pipelines < 12; ++pipelines) {
    for (std::size_t processes = 1; processes < 6; ++processes) {
      Cluster cluster(pipelines);
      for (std::size_t i = 0; i < processes; ++i) {  // they come one by one, then half of them go
        cluster.alive.insert("host" + std::to_string(i));
        cluster.settle();
        EXPECT_EQ(cluster.held(), pipelines);
        for (const std::string& owner : cluster.alive) EXPECT_GE(cluster.counts()[owner], pipelines / cluster.alive.size());
      }
      while (cluster.alive.size() > 1) {
        cluster.alive.erase(cluster.alive.begin());
        cluster.settle();
        EXPECT_EQ(cluster.held(), pipelines);
      }
    }
  }
}

TEST(LeasePlan, WhatIsNotActiveIsNobodysShare) {
  LeaseView view;
  view.instances = {"a"};
  view.leases = {{{"old", "a", 3}, false}, {{"gone", "dead", 3}, true}};
  const LeasePlan plan = plan_leases(view, {"gone", "new"}, "a");
  EXPECT_EQ(plan.acquire, (std::vector<std::string>{"gone", "new"}));
  EXPECT_EQ(plan.room, 2U);
  EXPECT_TRUE(plan.hand_over.empty());
}

}  // namespace
}  // namespace luge
