#include "service/alert/delivery_plan.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace luge {
namespace {

using Event = AlertMessage::Event;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class DeliveryPlanTest : public testing::Test {
 protected:
  static Alert alert(const std::string& key, AlertSeverity severity = AlertSeverity::warning) {
    Alert alert;
    alert.key = key;
    alert.severity = severity;
    alert.title = "trouble with " + key;
    return alert;
  }
  void raise(const std::string& key, AlertSeverity severity = AlertSeverity::warning) { book_.raise(alert(key, severity), "", moment_.wall); }
  void resolve(const std::string& key) { book_.resolve(key, moment_.now); }
  void pass(Duration time) {
    moment_.now = moment_.now + time;
    moment_.wall.micros += time.count();
    seconds_of_day_ += std::chrono::duration_cast<seconds>(time).count();
    moment_.minute_of_day = static_cast<int>(seconds_of_day_ / 60 % (24 * 60));
    book_.take_settled(moment_.now);
  }
  std::optional<AlertMessage> next() { return plan_.next(book_, moment_); }
  /// The next message as "event key", delivered; "" if there is none.
  std::string deliver() {
    const auto message = next();
    if (!message) return "";
    plan_.delivered(*message, moment_.now);
    return std::string(to_string(message->event)) + " " + message->alert.key;
  }

  DeliveryPlan::Options options_;
  AlertBook book_{seconds(60)};
  DeliveryPlan plan_{options_};
  DeliveryPlan::Moment moment_{{1'000'000'000'000}, {800'000'000'000'000}, 12 * 60};
  std::int64_t seconds_of_day_ = 12 * 3600;
  SeededRandom random_{7};
};

TEST_F(DeliveryPlanTest, tells_once_and_that_it_is_over) {
  EXPECT_EQ(deliver(), "");
  EXPECT_FALSE(plan_.wait(book_, moment_));
  raise("a");
  EXPECT_EQ(plan_.wait(book_, moment_), Duration(0));
  EXPECT_EQ(plan_.pending(book_, moment_), 1U);
  EXPECT_EQ(deliver(), "fired a");
  for (int i = 0; i < 50; ++i) {
    raise("a");
    EXPECT_EQ(deliver(), "");
  }
  EXPECT_EQ(plan_.pending(book_, moment_), 0U);
  resolve("a");
  EXPECT_EQ(deliver(), "") << "it may come back";
  pass(seconds(60));
  EXPECT_EQ(deliver(), "resolved a");
  EXPECT_EQ(deliver(), "");
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
}

TEST_F(DeliveryPlanTest, what_comes_and_goes_is_told_once) {
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
  for (int i = 0; i < 100; ++i) {
    resolve("a");
    pass(seconds(5));
    EXPECT_EQ(deliver(), "");
    raise("a");
    EXPECT_EQ(deliver(), "");
  }
}

TEST_F(DeliveryPlanTest, another_severity_is_told_and_what_falls_below_the_receivers_is_over) {
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
  raise("a", AlertSeverity::critical);
  EXPECT_EQ(deliver(), "changed a");
  raise("a", AlertSeverity::warning);
  EXPECT_EQ(deliver(), "changed a");
  raise("a", AlertSeverity::info);
  EXPECT_EQ(deliver(), "resolved a");
  raise("b", AlertSeverity::info);
  EXPECT_EQ(deliver(), "");
}

TEST_F(DeliveryPlanTest, reminds_of_what_goes_on) {
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
  EXPECT_EQ(plan_.wait(book_, moment_), hours(12));
  pass(hours(12) - seconds(1));
  EXPECT_EQ(deliver(), "");
  pass(seconds(1));
  EXPECT_EQ(deliver(), "reminded a");
  EXPECT_EQ(deliver(), "");
  options_.remind_every = Duration(0);
  plan_ = DeliveryPlan(options_);
  EXPECT_EQ(deliver(), "fired a");
  EXPECT_FALSE(plan_.wait(book_, moment_));
}

TEST_F(DeliveryPlanTest, the_worst_comes_first_and_good_news_last) {
  raise("over");
  EXPECT_EQ(deliver(), "fired over");
  resolve("over");
  pass(seconds(60));
  raise("b");
  pass(seconds(1));
  raise("a");
  raise("worst", AlertSeverity::critical);
  EXPECT_EQ(deliver(), "fired worst");
  EXPECT_EQ(deliver(), "fired b");
  EXPECT_EQ(deliver(), "fired a");
  EXPECT_EQ(deliver(), "resolved over");
}

TEST_F(DeliveryPlanTest, the_rate_limit_delays_and_loses_nothing) {
  for (int i = 0; i < 30; ++i) raise("key" + std::to_string(i));
  int told = 0;
  std::size_t most_waiting = 0;
  while (const auto message = next()) {
    plan_.delivered(*message, moment_.now);
    most_waiting = std::max(most_waiting, message->waiting);
    ++told;
  }
  EXPECT_EQ(told, 10);
  EXPECT_EQ(most_waiting, 20U) << "the last one says how many wait";
  EXPECT_EQ(plan_.wait(book_, moment_), seconds(6));
  for (int i = 0; i < 10; ++i) resolve("key" + std::to_string(20 + i));
  for (int i = 0; i < 200; ++i) {
    pass(seconds(6));
    if (!deliver().empty()) ++told;
  }
  EXPECT_GE(told, 20);
  EXPECT_LE(told, 40) << "what was over before it was its turn need not be told";
  EXPECT_EQ(plan_.pending(book_, moment_), 0U);
}

TEST_F(DeliveryPlanTest, a_receiver_that_is_down_is_asked_less_and_less_often) {
  raise("a");
  raise("b");
  std::vector<Duration> waits;
  for (int i = 0; i < 12; ++i) {
    const auto message = next();
    ASSERT_TRUE(message);
    plan_.failed(*message, true, Duration(0), moment_.now, random_);
    EXPECT_FALSE(next()) << "the other one waits too";
    const auto wait = plan_.wait(book_, moment_);
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, minutes(5));
    waits.push_back(*wait);
    pass(*wait);
  }
  EXPECT_LE(waits.front(), seconds(6));
  const auto message = next();
  ASSERT_TRUE(message);
  plan_.failed(*message, true, minutes(20), moment_.now, random_);
  EXPECT_EQ(plan_.wait(book_, moment_), minutes(20)) << "it asked for that";
  pass(minutes(20));
  EXPECT_EQ(deliver(), "fired a");
  EXPECT_EQ(deliver(), "fired b");
}

TEST_F(DeliveryPlanTest, a_message_that_is_refused_does_not_hold_up_the_others) {
  raise("bad", AlertSeverity::critical);
  raise("good");
  const auto refused = next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->alert.key, "bad");
  plan_.failed(*refused, false, Duration(0), moment_.now, random_);
  EXPECT_EQ(deliver(), "fired good");
  EXPECT_EQ(deliver(), "");
  pass(minutes(5));
  const auto again = next();
  ASSERT_TRUE(again) << "it is not given up";
  EXPECT_EQ(again->id, refused->id) << "the receiver can tell that it is the same";
}

TEST_F(DeliveryPlanTest, ids_differ_between_messages) {
  std::vector<std::string> ids;
  const auto take = [&] {
    const auto message = next();
    ASSERT_TRUE(message);
    plan_.delivered(*message, moment_.now);
    ids.push_back(message->id);
  };
  raise("a");
  take();
  raise("a", AlertSeverity::critical);
  take();
  pass(hours(12));
  take();
  pass(hours(12));
  take();
  resolve("a");
  pass(seconds(60));
  take();
  raise("a");
  take();
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST_F(DeliveryPlanTest, at_night_only_the_worst) {
  options_.quiet = *QuietHours::parse("22:00-07:00");
  plan_ = DeliveryPlan(options_);
  raise("before");
  EXPECT_EQ(deliver(), "fired before");
  pass(hours(10));
  resolve("before");
  raise("lasting");
  raise("passing");
  raise("fire", AlertSeverity::critical);
  pass(minutes(2));
  EXPECT_EQ(deliver(), "fired fire");
  EXPECT_EQ(deliver(), "");
  EXPECT_EQ(plan_.pending(book_, moment_), 3U);
  EXPECT_EQ(plan_.sendable(book_, moment_), 0U);
  EXPECT_EQ(plan_.wait(book_, moment_), minutes(9 * 60 - 2));
  resolve("passing");
  resolve("fire");
  pass(minutes(2));
  EXPECT_EQ(deliver(), "resolved fire");
  EXPECT_EQ(deliver(), "");
  pass(hours(9));
  EXPECT_EQ(deliver(), "fired lasting");
  EXPECT_EQ(deliver(), "resolved before");
  EXPECT_EQ(deliver(), "") << "nobody ever heard of the passing one";
}

TEST_F(DeliveryPlanTest, resolved_messages_can_be_left_out) {
  options_.tell_resolved = false;
  plan_ = DeliveryPlan(options_);
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
  resolve("a");
  pass(minutes(2));
  EXPECT_EQ(deliver(), "");
  EXPECT_EQ(plan_.pending(book_, moment_), 0U);
  EXPECT_FALSE(plan_.wait(book_, moment_));
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
}

TEST_F(DeliveryPlanTest, after_a_restart_nothing_is_told_twice_and_the_end_is_told) {
  for (const char* key : {"lasting", "over"}) {
    book_.restore(alert(key), "", {5}, moment_.now, minutes(2));
    plan_.restore(alert(key), {5}, moment_.now);
  }
  book_.restore(alert("untold"), "", {5}, moment_.now, minutes(2));
  EXPECT_TRUE(plan_.knows("over", {5}));
  EXPECT_FALSE(plan_.knows("over", {6}));
  EXPECT_EQ(deliver(), "");
  raise("lasting");
  raise("untold");
  EXPECT_EQ(deliver(), "fired untold");
  EXPECT_EQ(deliver(), "");
  pass(minutes(2));
  EXPECT_EQ(deliver(), "resolved over");
  EXPECT_EQ(deliver(), "");
}

TEST_F(DeliveryPlanTest, what_another_process_goes_on_with_is_not_over) {
  raise("a");
  EXPECT_EQ(deliver(), "fired a");
  book_.forget("");
  plan_.forget("a");
  EXPECT_EQ(deliver(), "");
  EXPECT_FALSE(plan_.wait(book_, moment_));
}

}  // namespace
}  // namespace luge
