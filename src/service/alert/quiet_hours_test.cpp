#include "service/alert/quiet_hours.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(QuietHours, over_midnight) {
  const auto quiet = QuietHours::parse("22:00-07:30");
  ASSERT_TRUE(quiet);
  EXPECT_FALSE(quiet->cover(22 * 60 - 1));
  EXPECT_TRUE(quiet->cover(22 * 60));
  EXPECT_TRUE(quiet->cover(0));
  EXPECT_TRUE(quiet->cover(7 * 60 + 29));
  EXPECT_FALSE(quiet->cover(7 * 60 + 30));
  EXPECT_EQ(quiet->minutes_left(23 * 60), 8 * 60 + 30);
  EXPECT_EQ(quiet->minutes_left(7 * 60), 30);
  EXPECT_EQ(quiet->minutes_left(12 * 60), 0);
}

TEST(QuietHours, within_a_day_and_never) {
  const auto quiet = QuietHours::parse("12:00-13:00");
  ASSERT_TRUE(quiet);
  EXPECT_TRUE(quiet->cover(12 * 60 + 59));
  EXPECT_FALSE(quiet->cover(13 * 60));
  EXPECT_EQ(quiet->minutes_left(12 * 60 + 20), 40);
  const auto never = QuietHours::parse("08:00-08:00");
  ASSERT_TRUE(never);
  for (int minute = 0; minute < 24 * 60; ++minute) EXPECT_FALSE(never->cover(minute));
}

TEST(QuietHours, refuses_what_is_no_time) {
  for (const char* wrong : {"", "22-07", "22:00", "24:00-07:00", "22:60-07:00", "22:00-7:00", "22:00 07:00", "2+:00-07:00", "-1:00-07:00"}) {
    const auto parsed = QuietHours::parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, "bad_quiet_hours");
    EXPECT_EQ(parsed.error().exit_code, ExitCode::usage);
  }
}

}  // namespace
}  // namespace luge
