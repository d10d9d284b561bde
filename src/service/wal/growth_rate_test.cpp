#include "service/wal/growth_rate.h"

#include <cmath>
#include <gtest/gtest.h>

namespace luge {
namespace {

Instant at(std::int64_t seconds) { return {seconds * 1'000'000}; }

TEST(GrowthRate, needs_three_readings_over_some_time) {
  GrowthRate rate;
  EXPECT_FALSE(rate.growth());
  rate.add({0}, 0);
  rate.add({100'000}, 10);
  rate.add({200'000}, 20);
  EXPECT_FALSE(rate.growth()) << "in a fifth of a second";
  rate.add(at(2), 200);
  ASSERT_TRUE(rate.growth());
  EXPECT_NEAR(rate.growth()->per_second, 100, 0.5);
  EXPECT_FALSE(rate.growth()->settled);
}

TEST(GrowthRate, is_exact_on_a_line_of_any_height) {
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1} << 50}) {
    GrowthRate rate;
    for (int i = 0; i < 100; ++i) rate.add(at(10 * i), start + static_cast<std::uint64_t>(i) * 1234567);
    EXPECT_NEAR(rate.growth()->per_second, 123456.7, 0.01);
    EXPECT_TRUE(rate.growth()->settled);
  }
}

TEST(GrowthRate, shrinking_is_negative) {
  GrowthRate rate;
  for (int i = 0; i < 6; ++i) rate.add(at(10 * i), 1'000'000 - static_cast<std::uint64_t>(i) * 1000);
  EXPECT_NEAR(rate.growth()->per_second, -100, 0.001);
}

TEST(GrowthRate, a_saw_is_no_growth_at_any_phase) {
  GrowthRate rate;  // up to 600 MB and down every 15 s, seen every 4 s
  for (int i = 0; i < 300; ++i) {
    rate.add(at(4 * i), static_cast<std::uint64_t>(4 * i % 15) * 40'000'000);
    if (i < 30) continue;
    EXPECT_LT(std::abs(rate.growth()->per_second), 1e6) << i << ": a rise of 40 MB/s";
    EXPECT_TRUE(rate.growth()->settled);
  }
}

TEST(GrowthRate, the_first_tooth_is_shown_but_not_acted_upon) {
  GrowthRate rate;
  for (int i = 0; i < 4; ++i) rate.add(at(4 * i), static_cast<std::uint64_t>(4 * i) * 40'000'000);
  EXPECT_NEAR(rate.growth()->per_second, 40e6, 1);
  EXPECT_FALSE(rate.growth()->settled);
}

TEST(GrowthRate, a_saw_that_gets_stuck_is_growth_after_a_tooth) {
  GrowthRate rate;
  for (int i = 0; i < 60; ++i) rate.add(at(5 * i), static_cast<std::uint64_t>(5 * i % 15) * 1'000'000);
  for (int i = 0; i < 12; ++i) rate.add(at(300 + 5 * i), static_cast<std::uint64_t>(5 * i) * 1'000'000);
  EXPECT_NEAR(rate.growth()->per_second, 1e6, 1);
  EXPECT_TRUE(rate.growth()->settled);
}

TEST(GrowthRate, of_a_steady_rise_the_last_minute_counts) {
  GrowthRate rate;
  for (int i = 0; i < 30; ++i) rate.add(at(10 * i), 0);
  for (int i = 0; i < 8; ++i) rate.add(at(300 + 10 * i), static_cast<std::uint64_t>(i) * 10'000'000);
  EXPECT_NEAR(rate.growth()->per_second, 1e6, 1);
}

TEST(GrowthRate, slow_ticks_keep_three_readings) {
  GrowthRate rate;
  for (int i = 0; i < 5; ++i) rate.add(at(400 * i), static_cast<std::uint64_t>(i) * 400);
  EXPECT_NEAR(rate.growth()->per_second, 1, 0.001);
}

TEST(GrowthRate, readings_of_one_instant_are_one) {
  GrowthRate rate;
  for (int i = 0; i < 5; ++i) rate.add(at(7), 1);
  EXPECT_FALSE(rate.growth());
}

}  // namespace
}  // namespace luge
