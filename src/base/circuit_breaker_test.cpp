#include "base/circuit_breaker.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using State = CircuitBreaker::State;

TEST(CircuitBreaker, OpensAfterFailuresInARowAndLetsOneProbeThrough) {
  SeededRandom random(7);
  CircuitBreaker breaker;
  Instant now{0};
  for (int i = 0; i < 4; ++i) {
    now = std::max(now, breaker.next_try());
    ASSERT_TRUE(breaker.try_pass(now));
    breaker.failed(now, random, false);
    EXPECT_EQ(breaker.state(), State::closed);
    EXPECT_FALSE(breaker.try_pass(now)) << "backoff";
  }
  now = breaker.next_try();
  ASSERT_TRUE(breaker.try_pass(now));
  breaker.failed(now, random, false);
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_FALSE(breaker.try_pass(now));

  now = breaker.next_try();
  EXPECT_TRUE(breaker.try_pass(now));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_FALSE(breaker.try_pass(now)) << "only one probes";
  breaker.failed(now, random, false);
  EXPECT_EQ(breaker.state(), State::open);

  now = breaker.next_try();
  ASSERT_TRUE(breaker.try_pass(now));
  breaker.succeeded();
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.failures(), 0u);
  EXPECT_TRUE(breaker.try_pass(now));
  EXPECT_TRUE(breaker.try_pass(now));
}

TEST(CircuitBreaker, AHardFailureOpensAtOnceAndDelaysStayBelowAMinute) {
  SeededRandom random(7);
  CircuitBreaker breaker;
  breaker.failed(Instant{0}, random, true);
  EXPECT_EQ(breaker.state(), State::open);
  Instant now{0};
  for (int i = 0; i < 50; ++i) {
    now = breaker.next_try();
    ASSERT_TRUE(breaker.try_pass(now));
    breaker.failed(now, random, true);
    EXPECT_LE(breaker.next_try() - now, Duration(std::chrono::seconds(60)));
  }
}

}  // namespace
}  // namespace luge
