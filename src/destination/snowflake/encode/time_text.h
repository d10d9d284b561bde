#pragma once
#include <cstddef>
#include <cstdint>

namespace luge {

/// Microseconds from 1970-01-01 to 2000-01-01, from where PgTimestamp counts.
inline constexpr std::int64_t kMicrosFrom1970To2000 = 946'684'800'000'000;
inline constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
inline constexpr std::size_t kLongestTimeText = 80;  ///< the longest interval; others are shorter

/// What Snowflake's DATE and TIMESTAMP hold: the years 1 to 9999. Infinities lie outside.
bool is_snowflake_date(std::int32_t days);
bool is_snowflake_timestamp(std::int64_t micros);

/// All write at `to`, which has room for the longest text, and return one past it. Days and microseconds count from 1970-01-01.
char* write_date(std::int32_t days, char* to);  ///< "2024-02-29"; a Snowflake date
/// "04:05:06", or "04:05:06.000789" with all six digits if there is a fraction; up to 24:00:00.
char* write_time(std::int64_t micros, char* to);
char* write_timestamp(std::int64_t micros, char* to);  ///< "2024-02-29T04:05:06.000789"; a Snowflake timestamp; no zone

/// PostgreSQL's own texts, for VARCHAR. date.c timetz_out: "04:05:06.789-07:30", zone in seconds east of UTC.
char* write_time_tz_as_postgres(std::int64_t micros, std::int32_t seconds_east, char* to);
/// datetime.c EncodeInterval, IntervalStyle postgres: "1 year 2 mons -3 days +04:05:06.789".
char* write_interval_as_postgres(std::int32_t months, std::int32_t days, std::int64_t nanos, char* to);

}  // namespace luge
