#include "batch/columns/calendar.h"

namespace luge {

bool WrittenDate::take_from(TextCursor& text) {
  return text.take_number(4, 7, year) && text.take('-') && text.take_two(month) && text.take('-') && text.take_two(day) && year >= 1 && month >= 1 &&
         month <= 12 && day >= 1 && day <= 31;
}

std::int64_t WrittenDate::days(bool before_christ) const {
  const std::int64_t counted_year = before_christ ? 1 - year : year;
  // Years from March, so that the leap day is the last one; eras of 400 years.
  const std::int64_t y = counted_year - (month <= 2 ? 1 : 0);
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  constexpr std::int64_t kDaysPerEra = 146'097, kEpochDays = 719'468;
  return era * kDaysPerEra + day_of_era - kEpochDays;
}

bool take_time_of_day(TextCursor& text, bool midnight_24, std::int64_t& micros) {
  std::int64_t hour = 0, minute = 0, second = 0, fraction = 0;
  if (!text.take_two(hour) || !text.take(':') || !text.take_two(minute) || !text.take(':') || !text.take_two(second) || !text.take_fraction(fraction))
    return false;
  if (minute > 59 || second > 59) return false;
  micros = ((hour * 60 + minute) * 60 + second) * kMicrosPerSecond + fraction;
  return midnight_24 ? micros <= kMicrosPerDay : micros < kMicrosPerDay;
}

bool take_zone(TextCursor& text, std::int32_t& seconds_east) {
  const bool west = text.take('-');
  if (!west && !text.take('+')) return false;
  std::int64_t hour = 0, minute = 0, second = 0;
  if (!text.take_two(hour)) return false;
  if (text.take(':')) {
    if (!text.take_two(minute)) return false;
    if (text.take(':') && !text.take_two(second)) return false;
  }
  if (minute > 59 || second > 59) return false;
  const auto seconds = static_cast<std::int32_t>((hour * 60 + minute) * 60 + second);
  seconds_east = west ? -seconds : seconds;
  return true;
}

}  // namespace luge
