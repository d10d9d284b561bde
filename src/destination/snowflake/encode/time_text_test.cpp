#include "destination/snowflake/encode/time_text.h"

#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>

#include "base/random.h"

namespace luge {
namespace {

std::string timestamp_text(std::int64_t micros) {
  char text[kLongestTimeText];
  return {text, write_timestamp(micros, text)};
}

/// The standard library's calendar.
std::string slow_timestamp_text(std::int64_t micros) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(micros)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02ld:%02ld:%02ld", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<long>(clock.hours().count()), static_cast<long>(clock.minutes().count()),
                static_cast<long>(clock.seconds().count()));
  std::string result = text;
  if (clock.subseconds().count() != 0) {
    std::snprintf(text, sizeof text, ".%06ld", static_cast<long>(clock.subseconds().count()));
    result += text;
  }
  return result;
}

TEST(TimeText, EveryDayOfSnowflakesCalendar) {
  std::int32_t days = -719'162;
  ASSERT_FALSE(is_snowflake_date(days - 1));
  for (; is_snowflake_date(days); ++days) {
    char text[kLongestTimeText];
    const std::string date(text, write_date(days, text));
    ASSERT_EQ(date + "T00:00:00", slow_timestamp_text(days * kMicrosPerDay));
  }
  EXPECT_EQ(days, 2'932'897);
}

TEST(TimeText, TimestampsAtTheirEnds) {
  EXPECT_EQ(timestamp_text(0), "1970-01-01T00:00:00");
  EXPECT_EQ(timestamp_text(-1), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(timestamp_text(kMicrosFrom1970To2000 + 500'000), "2000-01-01T00:00:00.500000");
  EXPECT_EQ(timestamp_text(-62'135'596'800'000'000), "0001-01-01T00:00:00");
  EXPECT_EQ(timestamp_text(253'402'300'799'999'999), "9999-12-31T23:59:59.999999");
  EXPECT_TRUE(is_snowflake_timestamp(-62'135'596'800'000'000));
  EXPECT_FALSE(is_snowflake_timestamp(-62'135'596'800'000'001));
  EXPECT_TRUE(is_snowflake_timestamp(253'402'300'799'999'999));
  EXPECT_FALSE(is_snowflake_timestamp(253'402'300'800'000'000));
  EXPECT_FALSE(is_snowflake_timestamp(INT64_MAX));
  EXPECT_FALSE(is_snowflake_timestamp(-INT64_MAX));
  EXPECT_FALSE(is_snowflake_date(INT32_MAX));
  EXPECT_FALSE(is_snowflake_date(-INT32_MAX));
}

TEST(TimeText, RandomTimestamps) {
  SeededRandom random(5);
  for (int round = 0; round < 50'000; ++round) {
    const std::int64_t micros = -62'135'596'800'000'000 + static_cast<std::int64_t>(random.below(315'537'897'600'000'000));
    ASSERT_EQ(timestamp_text(micros), slow_timestamp_text(micros));
  }
}

TEST(TimeText, Times) {
  const std::pair<std::int64_t, std::string> cases[] = {
      {0, "00:00:00"}, {86'399'999'999, "23:59:59.999999"}, {14'706'000'001, "04:05:06.000001"}, {14'706'500'000, "04:05:06.500000"}};
  for (const auto& [micros, expected] : cases) {
    char text[kLongestTimeText];
    EXPECT_EQ(std::string(text, write_time(micros, text)), expected);
  }
}

TEST(TimeText, TimesWithZoneAsPostgresWritesThem) {
  struct Case {
    std::int64_t micros;
    std::int32_t seconds_east;
    const char* expected;
  };
  // select '04:05:06.789-08'::timetz, …
  const Case cases[] = {{14'706'789'000, -28'800, "04:05:06.789-08"},
                        {0, 0, "00:00:00+00"},
                        {86'400'000'000, 20'700, "24:00:00+05:45"},
                        {1, -57'599, "00:00:00.000001-15:59:59"},
                        {0, 1800, "00:00:00+00:30"}};
  for (const Case& entry : cases) {
    char text[kLongestTimeText];
    EXPECT_EQ(std::string(text, write_time_tz_as_postgres(entry.micros, entry.seconds_east, text)), entry.expected);
  }
}

TEST(TimeText, IntervalsAsPostgresWritesThem) {
  struct Case {
    std::int32_t months;
    std::int32_t days;
    std::int64_t nanos;
    const char* expected;
  };
  constexpr std::int64_t kSecond = 1'000'000'000;
  // PostgreSQL 15, set intervalstyle = postgres.
  const Case cases[] = {
      {0, 0, 0, "00:00:00"},
      {14, 3, 14'706'789'000'000, "1 year 2 mons 3 days 04:05:06.789"},
      {12, 0, 0, "1 year"},
      {-12, 0, 0, "-1 years"},
      {-10, 0, 0, "-10 mons"},
      {1, -1, 0, "1 mon -1 days"},
      {-1, 1, 0, "-1 mons +1 day"},
      {0, -3, 14'706 * kSecond, "-3 days +04:05:06"},
      {-14, 3, -14'706 * kSecond, "-1 years -2 mons +3 days -04:05:06"},
      {0, 0, -1000, "-00:00:00.000001"},
      {0, 1, -1000, "1 day -00:00:00.000001"},
      {0, 0, 100 * 3600 * kSecond, "100:00:00"},
      {INT32_MIN, INT32_MIN, -9'223'372'036'854'775'000, "-178956970 years -8 mons -2147483648 days -2562047:47:16.854775"},
      {INT32_MAX, INT32_MAX, 9'223'372'036'854'775'000, "178956970 years 7 mons 2147483647 days 2562047:47:16.854775"},
  };
  for (const Case& entry : cases) {
    char text[kLongestTimeText];
    EXPECT_EQ(std::string(text, write_interval_as_postgres(entry.months, entry.days, entry.nanos, text)), entry.expected);
  }
}

}  // namespace
}  // namespace luge
