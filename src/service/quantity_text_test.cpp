#include "service/quantity_text.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(QuantityText, bytes_and_rates) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(16ULL << 20), "16 MiB");
  EXPECT_EQ(bytes_text(3ULL << 29), "1.5 GiB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "16777216.0 TiB");
  EXPECT_EQ(rate_text(1536), "1.5 KiB/s");
  EXPECT_EQ(rate_text(-1536), "-1.5 KiB/s");
  EXPECT_EQ(rate_text(-0.5), "0 B/s");
}

TEST(QuantityText, durations_say_what_matters) {
  EXPECT_EQ(duration_text(std::chrono::milliseconds(900)), "0 s");
  EXPECT_EQ(duration_text(std::chrono::seconds(59)), "59 s");
  EXPECT_EQ(duration_text(std::chrono::seconds(779)), "12 min");
  EXPECT_EQ(duration_text(std::chrono::minutes(190)), "3 h 10 min");
  EXPECT_EQ(duration_text(std::chrono::hours(3)), "3 h");
  EXPECT_EQ(duration_text(std::chrono::hours(122)), "5 d 2 h");
}

TEST(QuantityText, times) {
  EXPECT_EQ(utc_text({0}), "2000-01-01T00:00:00Z");
  EXPECT_EQ(utc_text({-1}), "1999-12-31T23:59:59Z");
  EXPECT_EQ(utc_text({762'203'115'999'999}), "2024-02-25T19:05:15Z");
  EXPECT_EQ(unix_seconds({762'203'115'999'999}), 1'708'887'915);
}

}  // namespace
}  // namespace luge
