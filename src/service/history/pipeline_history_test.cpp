#include "service/history/pipeline_history.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

PipelineReport report(const std::string& name, std::uint64_t rows) {
  PipelineReport made;
  made.name = name;
  made.driver.server_version = 150000;
  made.driver.pipeline.session = true;
  made.driver.pipeline.rows = rows;
  made.driver.pipeline.bytes = rows * 100;
  made.driver.pipeline.server = Lsn{rows + 7};
  made.driver.pipeline.durable = Lsn{rows};
  return made;
}

Instant second(std::int64_t number) { return {number * 1'000'000}; }

TEST(PipelineHistory, RatesComeFromTheLastIntervals) {
  PipelineHistory history;
  EXPECT_EQ(history.rows_per_second("a"), 0);
  history.record({report("a", 1'000'000)}, second(0), {});
  EXPECT_EQ(history.rows_per_second("a"), 0) << "one sample is no rate";
  history.record({report("a", 1'000'500)}, second(5), {});
  EXPECT_DOUBLE_EQ(history.rows_per_second("a"), 100);
  for (int i = 2; i <= 5; ++i) history.record({report("a", 1'000'500)}, second(i * 5), {});
  EXPECT_EQ(history.rows_per_second("a"), 0) << "idle for three intervals";

  const auto points = history.points("a", second(25));
  ASSERT_EQ(points.size(), 5U);
  EXPECT_DOUBLE_EQ(points[0].rows_per_second, 100);
  EXPECT_DOUBLE_EQ(points[0].bytes_per_second, 10'000);
  EXPECT_DOUBLE_EQ(points[0].seconds_ago, 20);
  EXPECT_DOUBLE_EQ(points[0].lag_bytes.value_or(-1), 7);
}

TEST(PipelineHistory, ACounterThatBeginsAgainIsNoNegativeRate) {
  PipelineHistory history;
  history.record({report("a", 900)}, second(0), {});
  history.record({report("a", 50)}, second(5), {});
  EXPECT_DOUBLE_EQ(history.rows_per_second("a"), 10);
}

TEST(PipelineHistory, IsBoundedAndForgetsPipelinesThatAreGone) {
  PipelineHistory history;
  for (int i = 0; i < 1000; ++i) history.record({report("a", 1), report("b", 1)}, second(i * 5), {});
  EXPECT_EQ(history.points("a", second(5000)).size(), PipelineHistory::kSamples - 1);
  history.record({report("b", 1)}, second(5000), {});
  EXPECT_TRUE(history.points("a", second(5000)).empty());
  EXPECT_FALSE(history.points("b", second(5000)).empty());
}

}  // namespace
}  // namespace luge
