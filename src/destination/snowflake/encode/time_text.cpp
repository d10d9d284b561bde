#include "destination/snowflake/encode/time_text.h"

#include <cstring>
#include <string_view>

#include "destination/snowflake/encode/digit_pairs.h"
#include "destination/snowflake/encode/number_text.h"

namespace luge {

namespace {

constexpr std::int32_t kFirstDay = -719'162;   // 0001-01-01
constexpr std::int32_t kLastDay = 2'932'896;   // 9999-12-31
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

char* put(std::string_view text, char* to) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

/// Six digits.
char* write_micros(unsigned micros, char* to) {
  to = write_two_digits(micros / 10'000, to);
  to = write_two_digits(micros / 100 % 100, to);
  return write_two_digits(micros % 100, to);
}

char* write_clock(unsigned seconds_of_day, char* to) {
  to = write_two_digits(seconds_of_day / 3600, to);
  *to++ = ':';
  to = write_two_digits(seconds_of_day / 60 % 60, to);
  *to++ = ':';
  return write_two_digits(seconds_of_day % 60, to);
}

/// datetime.c AppendSeconds: a point and the fraction without its trailing zeros; nothing for 0.
char* write_trimmed_nanos(unsigned nanos, char* to) {
  if (nanos == 0) return to;
  *to++ = '.';
  to = write_two_digits(nanos / 10'000'000, to);
  to = write_two_digits(nanos / 100'000 % 100, to);
  to = write_two_digits(nanos / 1000 % 100, to);
  to = write_two_digits(nanos / 10 % 100, to);
  *to++ = static_cast<char>('0' + nanos % 10);
  while (to[-1] == '0') --to;
  return to;
}

/// datetime.c AddPostgresIntPart: a negative part gives the next one, if positive, a plus sign.
class IntervalParts {
 public:
  explicit IntervalParts(char* to) : at(to) {}

  void add(std::int32_t value, std::string_view unit) {
    if (value == 0) return;
    if (!empty) *at++ = ' ';
    if (after_negative && value > 0) *at++ = '+';
    at = write_integer(value, at);
    *at++ = ' ';
    at = put(unit, at);
    if (value != 1) *at++ = 's';
    after_negative = value < 0;
    empty = false;
  }

  char* at;
  bool empty = true;
  bool after_negative = false;
};

}  // namespace

bool is_snowflake_date(std::int32_t days) { return days >= kFirstDay && days <= kLastDay; }

bool is_snowflake_timestamp(std::int64_t micros) { return micros >= kFirstDay * kMicrosPerDay && micros < (kLastDay + 1) * kMicrosPerDay; }

char* write_date(std::int32_t days, char* to) {
  // Days since 0000-03-01, so that the leap day is the last of its year; never negative from the year 1 on.
  const auto since_march_0 = static_cast<std::uint32_t>(days + 719'468);
  const std::uint32_t era = since_march_0 / 146'097;
  const std::uint32_t day_of_era = since_march_0 % 146'097;
  const std::uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::uint32_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::uint32_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  to = write_two_digits(year / 100, to);
  to = write_two_digits(year % 100, to);
  *to++ = '-';
  to = write_two_digits(month, to);
  *to++ = '-';
  return write_two_digits(day, to);
}

char* write_time(std::int64_t micros, char* to) {
  to = write_clock(static_cast<unsigned>(micros / kMicrosPerSecond), to);
  const auto fraction = static_cast<unsigned>(micros % kMicrosPerSecond);
  if (fraction == 0) return to;
  *to++ = '.';
  return write_micros(fraction, to);
}

char* write_timestamp(std::int64_t micros, char* to) {
  std::int64_t days = micros / kMicrosPerDay;
  std::int64_t of_day = micros % kMicrosPerDay;
  if (of_day < 0) {
    of_day += kMicrosPerDay;
    --days;
  }
  to = write_date(static_cast<std::int32_t>(days), to);
  *to++ = 'T';
  return write_time(of_day, to);
}

char* write_time_tz_as_postgres(std::int64_t micros, std::int32_t seconds_east, char* to) {
  to = write_clock(static_cast<unsigned>(micros / kMicrosPerSecond), to);
  to = write_trimmed_nanos(static_cast<unsigned>(micros % kMicrosPerSecond) * 1000, to);
  // datetime.c EncodeTimezone: minutes and seconds only if they are not zero.
  *to++ = seconds_east < 0 ? '-' : '+';
  const auto offset = static_cast<unsigned>(seconds_east < 0 ? -seconds_east : seconds_east);
  to = write_two_digits(offset / 3600, to);
  if (offset % 3600 == 0) return to;
  *to++ = ':';
  to = write_two_digits(offset / 60 % 60, to);
  if (offset % 60 == 0) return to;
  *to++ = ':';
  return write_two_digits(offset % 60, to);
}

char* write_interval_as_postgres(std::int32_t months, std::int32_t days, std::int64_t nanos, char* to) {
  IntervalParts parts(to);
  parts.add(months / 12, "year");
  parts.add(months % 12, "mon");
  parts.add(days, "day");
  if (nanos == 0 && !parts.empty) return parts.at;
  to = parts.at;
  if (!parts.empty) *to++ = ' ';
  if (nanos < 0) {
    *to++ = '-';
  } else if (parts.after_negative) {
    *to++ = '+';
  }
  const std::uint64_t magnitude = nanos < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(nanos) : static_cast<std::uint64_t>(nanos);
  const std::uint64_t seconds = magnitude / kNanosPerSecond;
  const std::uint64_t hours = seconds / 3600;
  to = hours < 100 ? write_two_digits(static_cast<unsigned>(hours), to) : write_unsigned(hours, to);
  *to++ = ':';
  to = write_two_digits(static_cast<unsigned>(seconds / 60 % 60), to);
  *to++ = ':';
  to = write_two_digits(static_cast<unsigned>(seconds % 60), to);
  return write_trimmed_nanos(static_cast<unsigned>(magnitude % kNanosPerSecond), to);
}

}  // namespace luge
