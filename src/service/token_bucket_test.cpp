#include "service/token_bucket.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

Instant at(std::int64_t milliseconds) { return {milliseconds * 1000}; }

TEST(TokenBucket, gives_a_burst_and_then_its_rate) {
  TokenBucket bucket({.per_second = 10, .burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(at(0)));
  EXPECT_FALSE(bucket.try_take(at(0)));
  EXPECT_EQ(bucket.wait(at(0)), std::chrono::milliseconds(100));
  EXPECT_FALSE(bucket.try_take(at(99)));
  EXPECT_TRUE(bucket.try_take(at(100)));
  EXPECT_FALSE(bucket.try_take(at(100)));
}

TEST(TokenBucket, gives_after_exactly_the_wait_it_named) {
  for (const double rate : {0.07, 0.3, 3.0, 7.0, 1234.5}) {
    TokenBucket bucket({.per_second = rate, .burst = 1});
    Instant now = at(1);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(bucket.try_take(now)) << rate << " " << i;
      ASSERT_FALSE(bucket.try_take(now));
      now = now + bucket.wait(now);
    }
  }
}

TEST(TokenBucket, never_holds_more_than_a_burst) {
  TokenBucket bucket({.per_second = 100, .burst = 2});
  EXPECT_TRUE(bucket.try_take(at(0)));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(bucket.try_take(at(1'000'000)));
  EXPECT_FALSE(bucket.try_take(at(1'000'000)));
}

TEST(TokenBucket, a_clock_that_goes_back_gives_nothing_twice) {
  TokenBucket bucket({.per_second = 1, .burst = 1});
  EXPECT_TRUE(bucket.try_take(at(10'000)));
  EXPECT_FALSE(bucket.try_take(at(0)));
  EXPECT_FALSE(bucket.try_take(at(10'000)));
  EXPECT_TRUE(bucket.try_take(at(11'000)));
}

}  // namespace
}  // namespace luge
