#include "base/duration_histogram.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(DurationHistogram, CountsWhatIsAtMostABound) {
  DurationHistogram histogram;
  histogram.observe(Duration{0});
  histogram.observe(Duration{5'000});
  histogram.observe(Duration{5'001});
  histogram.observe(std::chrono::hours(1));
  EXPECT_EQ(histogram.at_most(0), 2U);
  EXPECT_EQ(histogram.at_most(1), 3U);
  EXPECT_EQ(histogram.at_most(DurationHistogram::kUpperBounds.size() - 1), 3U) << "an hour is longer than all bounds";
  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.sum(), Duration{10'001} + std::chrono::hours(1));
}

TEST(DurationHistogram, ClocksThatDisagreeCountAsNoTime) {
  DurationHistogram histogram;
  histogram.observe(Duration{-7});
  EXPECT_EQ(histogram.at_most(0), 1U);
  EXPECT_EQ(histogram.sum(), Duration{0});
}

}  // namespace
}  // namespace luge
