#pragma once
#include <cstdint>

#include "batch/columns/text_cursor.h"

namespace luge {

inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;
inline constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
/// From 1970-01-01 to 2000-01-01, where PostgreSQL's binary forms count from.
inline constexpr std::int32_t kPgEpochDays = 10'957;
inline constexpr std::int64_t kPgEpochMicros = kPgEpochDays * kMicrosPerDay;

/// A date as EncodeDateOnly writes it, without the era: "2024-02-29", "12024-01-01".
struct WrittenDate {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;

  bool take_from(TextCursor& text);
  /// Days since 1970-01-01 in the proleptic Gregorian calendar. Year 1 BC is year 0.
  std::int64_t days(bool before_christ) const;
};

/// "04:05:06.789" as microseconds of the day; hours up to 24 where `midnight_24` allows 24:00:00.
bool take_time_of_day(TextCursor& text, bool midnight_24, std::int64_t& micros);
/// "+05", "-07:52", "+01:02:03" as EncodeTimezone writes it: seconds east of UTC.
bool take_zone(TextCursor& text, std::int32_t& seconds_east);

}  // namespace luge
