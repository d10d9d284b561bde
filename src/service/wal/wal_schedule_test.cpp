#include "service/wal/wal_schedule.h"

#include <deque>
#include <gtest/gtest.h>
#include <set>

namespace luge {
namespace {

using Outcome = WalSchedule::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

Instant at(std::int64_t ms) { return {ms * 1000}; }

WalSchedule::Options options(double per_second, double burst, std::uint32_t at_once) {
  WalSchedule::Options options;
  options.queries = {per_second, burst};
  options.at_once = at_once;
  return options;
}

TEST(WalSchedule, reads_each_source_once_per_tick) {
  WalSchedule schedule(options(100, 100, 4));
  EXPECT_FALSE(schedule.next(at(0)));
  EXPECT_FALSE(schedule.wait(at(0)));
  schedule.add("a", at(0));
  schedule.add("a", at(5));
  const auto ticket = schedule.next(at(5));
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->source, "a");
  EXPECT_FALSE(schedule.next(at(100'000))) << "while it is read it is not read again";
  schedule.finished(*ticket, Outcome::good, at(105));
  EXPECT_EQ(schedule.wait(at(105)), milliseconds(9900));
  EXPECT_FALSE(schedule.next(at(10'004)));
  EXPECT_TRUE(schedule.next(at(10'005)));
}

TEST(WalSchedule, takes_whoever_has_waited_longest) {
  WalSchedule schedule(options(100, 100, 1));
  schedule.add("b", at(0));
  schedule.add("a", at(1));
  const auto first = schedule.next(at(10));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->source, "b");
  schedule.finished(*first, Outcome::good, at(20));
  EXPECT_EQ(schedule.next(at(20))->source, "a");
}

TEST(WalSchedule, no_more_at_once_than_allowed) {
  WalSchedule schedule(options(100, 100, 2));
  for (const char* name : {"a", "b", "c"}) schedule.add(name, at(0));
  const auto a = schedule.next(at(0));
  const auto b = schedule.next(at(0));
  ASSERT_TRUE(a && b);
  EXPECT_FALSE(schedule.next(at(0)));
  EXPECT_FALSE(schedule.wait(at(0))) << "until one is finished";
  schedule.finished(*a, Outcome::failed, at(1));
  EXPECT_EQ(schedule.wait(at(1)), Duration(0));
  EXPECT_EQ(schedule.next(at(1))->source, "c");
}

TEST(WalSchedule, the_bucket_bounds_all_sources_together) {
  WalSchedule schedule(options(5, 10, 1000));
  for (int i = 0; i < 200; ++i) schedule.add("source" + std::to_string(i), at(0));
  std::size_t begun = 0;
  std::set<std::string> seen;
  for (std::int64_t now = 0; now < 40'000; now += 10) {
    while (const auto ticket = schedule.next(at(now))) {
      ++begun;
      seen.insert(ticket->source);
      schedule.finished(*ticket, Outcome::good, at(now));
    }
    ASSERT_LE(begun, 10 + 5 * static_cast<std::size_t>(now) / 1000 + 1);
  }
  EXPECT_GE(begun, 200U);
  EXPECT_EQ(seen.size(), 200U) << "nobody starves";
}

TEST(WalSchedule, a_slow_source_backs_off_alone) {
  WalSchedule schedule(options(100, 100, 4));
  schedule.add("slow", at(0));
  schedule.add("fast", at(0));
  struct Reading {
    WalSchedule::Ticket ticket;
    Instant ends;
  };
  std::deque<Reading> under_way;
  int slow = 0;
  int fast = 0;
  for (std::int64_t now = 0; now < 600'000; now += 100) {
    std::erase_if(under_way, [&](const Reading& reading) {
      if (reading.ends > at(now)) return false;
      schedule.finished(reading.ticket, Outcome::good, at(now));
      return true;
    });
    while (const auto ticket = schedule.next(at(now))) {
      const bool is_slow = ticket->source == "slow";
      ++(is_slow ? slow : fast);
      under_way.push_back({*ticket, at(now) + (is_slow ? milliseconds(4000) : milliseconds(50))});
    }
  }
  EXPECT_EQ(fast, 60);
  EXPECT_LE(slow, 8) << "10, 20, 40, … 300 s";
  EXPECT_EQ(schedule.interval("slow"), std::chrono::minutes(5));
  EXPECT_EQ(schedule.interval("fast"), seconds(10));
}

TEST(WalSchedule, an_answer_in_time_ends_the_backing_off) {
  WalSchedule schedule(options(100, 100, 4));
  schedule.add("a", at(0));
  Instant now = at(0);
  for (int i = 0; i < 10; ++i) {
    const auto ticket = schedule.next(now);
    ASSERT_TRUE(ticket);
    schedule.finished(*ticket, Outcome::failed, now);
    now = now + *schedule.wait(now);
  }
  EXPECT_EQ(schedule.interval("a"), std::chrono::minutes(5));
  schedule.finished(*schedule.next(now), Outcome::good, now);
  EXPECT_EQ(schedule.interval("a"), seconds(10));
}

TEST(WalSchedule, a_source_that_takes_longer_than_its_tick_is_busy_for_half_of_the_time) {
  WalSchedule::Options limits = options(100, 100, 4);
  limits.longest_tick = limits.tick;
  WalSchedule schedule(limits);
  schedule.add("a", at(0));
  const auto ticket = schedule.next(at(0));
  schedule.finished(*ticket, Outcome::failed, at(60'000));
  EXPECT_EQ(schedule.wait(at(60'000)), seconds(60));
}

TEST(WalSchedule, what_is_removed_while_it_is_read_frees_its_place) {
  WalSchedule schedule(options(100, 100, 1));
  schedule.add("a", at(0));
  const auto old = schedule.next(at(0));
  schedule.remove("a");
  schedule.add("a", at(1));
  EXPECT_EQ(schedule.under_way(), 1U);
  schedule.finished(*old, Outcome::failed, at(2));
  EXPECT_EQ(schedule.under_way(), 0U);
  EXPECT_EQ(schedule.interval("a"), seconds(10)) << "the new one has nothing to do with the old one's failure";
  EXPECT_TRUE(schedule.next(at(2)));
  schedule.remove("nobody");
  EXPECT_EQ(schedule.interval("nobody"), Duration(0));
}

}  // namespace
}  // namespace luge
