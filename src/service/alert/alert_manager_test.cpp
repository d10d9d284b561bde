#include "service/alert/alert_manager.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

namespace luge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a recording sink was told; outlives it.
class Heard {
 public:
  void add(const AlertMessage& message) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::string(to_string(message.event)) + " " + message.alert.key);
    }
    ready_.notify_all();
  }
  std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  void refuse_all() { refuses_ = true; }
  bool refuses() const { return refuses_; }
  bool wait(const std::string& event) const {
    std::unique_lock lock(mutex_);
    return ready_.wait_for(lock, seconds(20), [&] { return std::ranges::find(events_, event) != events_.end(); });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable ready_;
  std::vector<std::string> events_;
  std::atomic<bool> refuses_ = false;
};

class RecordingSink final : public AlertSink {
 public:
  RecordingSink(std::string name, Heard& heard) : name_(std::move(name)), heard_(heard) {}
  const std::string& name() const override { return name_; }
  Delivery deliver(const AlertMessage& message) override {
    heard_.add(message);
    if (heard_.refuses() || message.alert.title == "refuse me") return {fatal("refused", "no"), Duration(0)};
    return {};
  }
  void interrupt() override {}

 private:
  const std::string name_;
  Heard& heard_;
};

Alert alert(const std::string& key, AlertSeverity severity = AlertSeverity::warning) {
  Alert alert;
  alert.key = key;
  alert.severity = severity;
  alert.title = "trouble with " + key;
  return alert;
}

class AlertManagerTest : public testing::Test {
 protected:
  std::unique_ptr<AlertManager> manager(std::vector<AlertSeverity> least = {AlertSeverity::warning}, Duration settle = milliseconds(20)) {
    std::vector<AlertReceiver> receivers;
    for (const AlertSeverity severity : least) {
      heard_.push_back(std::make_unique<Heard>());
      AlertReceiver receiver;
      receiver.sink = std::make_unique<RecordingSink>("receiver" + std::to_string(heard_.size()), *heard_.back());
      receiver.plan.least = severity;
      receiver.plan.rate = {.per_second = 1000, .burst = 1000};
      receivers.push_back(std::move(receiver));
    }
    return std::make_unique<AlertManager>(std::move(receivers), AlertManager::Options{.settle = settle}, clock_);
  }

  SystemClock clock_;
  std::vector<std::unique_ptr<Heard>> heard_;
};

TEST_F(AlertManagerTest, tells_everybody_what_is_their_concern) {
  const auto alerts = manager({AlertSeverity::warning, AlertSeverity::critical});
  alerts->raise(alert("a"));
  alerts->raise(alert("b", AlertSeverity::critical));
  ASSERT_TRUE(alerts->drain(seconds(20)));
  EXPECT_EQ(heard_[0]->events().size(), 2U);
  EXPECT_EQ(heard_[1]->events(), std::vector<std::string>{"fired b"});
  EXPECT_EQ(alerts->firing().size(), 2U);
  alerts->resolve("b");
  EXPECT_EQ(alerts->firing().size(), 1U);
  EXPECT_TRUE(heard_[0]->wait("resolved b"));
  EXPECT_TRUE(heard_[1]->wait("resolved b"));
  ASSERT_TRUE(alerts->drain(seconds(20)));
  const auto reports = alerts->receivers();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].name, "receiver1");
  EXPECT_EQ(reports[0].delivered, 3U);
  EXPECT_EQ(reports[1].delivered, 2U);
  EXPECT_EQ(reports[0].waiting, 0U);
}

TEST_F(AlertManagerTest, a_scope_says_what_is_wrong_and_what_not_any_more) {
  const auto alerts = manager();
  alerts->set("pipeline/app", {alert("a"), alert("b")});
  ASSERT_TRUE(alerts->drain(seconds(20)));
  alerts->set("pipeline/app", {alert("b"), alert("c")});
  EXPECT_TRUE(heard_[0]->wait("fired c"));
  EXPECT_TRUE(heard_[0]->wait("resolved a"));
  alerts->set("pipeline/other", {});
  EXPECT_EQ(alerts->firing().size(), 2U);
}

TEST_F(AlertManagerTest, many_threads_repeat_the_same_alerts_and_each_is_told_once) {
  const auto alerts = manager();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&alerts] {
        for (int i = 0; i < 200; ++i) alerts->raise(alert("key" + std::to_string(i % 10)));
      });
    }
  }
  ASSERT_TRUE(alerts->drain(seconds(20)));
  EXPECT_EQ(heard_[0]->events().size(), 10U);
}

TEST_F(AlertManagerTest, a_refused_message_waits_while_others_go_on) {
  const auto alerts = manager();
  Alert refused = alert("bad");
  refused.title = "refuse me";
  alerts->raise(refused);
  ASSERT_TRUE(heard_[0]->wait("fired bad"));
  alerts->raise(alert("good"));
  ASSERT_TRUE(heard_[0]->wait("fired good"));
  EXPECT_FALSE(alerts->drain(milliseconds(50)));
  const auto report = alerts->receivers().at(0);
  EXPECT_EQ(report.failures, 1U);
  EXPECT_EQ(report.waiting, 1U);
}

TEST_F(AlertManagerTest, a_restart_repeats_nothing_and_tells_what_is_over) {
  std::vector<KnownAlert> known;
  {
    const auto before = manager();
    before->raise(alert("lasting"));
    before->raise(alert("over"));
    ASSERT_TRUE(before->drain(seconds(20)));
    known = read_known_alerts(write_known_alerts(before->known()));
    ASSERT_EQ(known.size(), 2U);
    EXPECT_EQ(known[0].told, std::vector<std::string>{"receiver1"});
  }
  Heard heard;
  std::vector<AlertReceiver> receivers(1);
  receivers[0].sink = std::make_unique<RecordingSink>("receiver1", heard);
  AlertManager after(std::move(receivers), {.settle = milliseconds(20), .random_seed = 1, .grace = milliseconds(200)}, clock_);
  after.adopt(known);
  EXPECT_TRUE(after.firing().empty());
  after.raise(alert("lasting"));
  EXPECT_EQ(after.firing().size(), 1U);
  EXPECT_TRUE(heard.wait("resolved over"));
  ASSERT_TRUE(after.drain(seconds(20)));
  EXPECT_EQ(heard.events(), std::vector<std::string>{"resolved over"});
}

TEST_F(AlertManagerTest, a_scope_that_moves_to_another_process_is_not_over) {
  Heard heard;
  const auto one = [&](const char* name) {
    std::vector<AlertReceiver> receivers(1);
    receivers[0].sink = std::make_unique<RecordingSink>(name, heard);
    return std::make_unique<AlertManager>(std::move(receivers),
                                          AlertManager::Options{.settle = milliseconds(20), .random_seed = 1, .grace = milliseconds(100)}, clock_);
  };
  const auto first = one("team");
  const auto second = one("team");
  first->set("wal/shop", {alert("wal/shop")});
  ASSERT_TRUE(heard.wait("fired wal/shop"));
  ASSERT_TRUE(first->drain(seconds(20)));
  second->adopt(first->known());
  first->forget("wal/shop");
  second->set("wal/shop", {alert("wal/shop")});
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(heard.events(), std::vector<std::string>{"fired wal/shop"});
  EXPECT_TRUE(first->known().empty());
  EXPECT_EQ(second->firing().size(), 1U);
  second->set("wal/shop", {});
  EXPECT_TRUE(heard.wait("resolved wal/shop"));
}

TEST_F(AlertManagerTest, an_end_that_could_not_be_told_is_told_by_the_next) {
  std::vector<KnownAlert> known;
  {
    const auto before = manager();
    before->set("pipeline/app", {alert("a")});
    ASSERT_TRUE(before->drain(seconds(20)));
    heard_[0]->refuse_all();
    before->set("pipeline/app", {});
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_TRUE(before->firing().empty());
    known = before->known();
    ASSERT_EQ(known.size(), 1U) << "it has settled, and its receiver does not know";
    EXPECT_EQ(known[0].scope, "pipeline/app");
  }
  Heard heard;
  std::vector<AlertReceiver> receivers(1);
  receivers[0].sink = std::make_unique<RecordingSink>("receiver1", heard);
  AlertManager after(std::move(receivers), {.settle = milliseconds(20), .random_seed = 1, .grace = milliseconds(50)}, clock_);
  after.adopt(known);
  EXPECT_TRUE(heard.wait("resolved a"));
  EXPECT_TRUE(after.drain(seconds(20)));
  EXPECT_TRUE(after.known().empty());
}

TEST_F(AlertManagerTest, nobody_to_tell) {
  const auto alerts = manager({});
  alerts->raise(alert("a"));
  EXPECT_TRUE(alerts->drain(seconds(1)));
  EXPECT_EQ(alerts->firing().size(), 1U);
}

TEST_F(AlertManagerTest, what_has_settled_is_forgotten_by_everybody) {
  const auto alerts = manager({AlertSeverity::warning, AlertSeverity::warning}, milliseconds(100));
  alerts->raise(alert("a"));
  ASSERT_TRUE(alerts->drain(seconds(20)));
  alerts->resolve("a");
  alerts->raise(alert("a"));
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_EQ(heard_[0]->events().size(), 1U) << "it was not away";
  alerts->resolve("a");
  EXPECT_TRUE(heard_[0]->wait("resolved a"));
  EXPECT_TRUE(heard_[1]->wait("resolved a"));
}

}  // namespace
}  // namespace luge
