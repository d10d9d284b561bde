#include "service/alert/quiet_hours.h"

#include <charconv>
#include <optional>
#include <string>

namespace luge {

namespace {

constexpr int kDayMinutes = 24 * 60;

std::optional<int> two_digits(std::string_view text, int most) {
  int number = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.size() != 2 || failure != std::errc{} || end != text.data() + text.size() || number < 0 || number > most) return std::nullopt;
  return number;
}

std::optional<int> minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = two_digits(text.substr(0, 2), 23);
  const auto minute = two_digits(text.substr(3), 59);
  if (!hour || !minute) return std::nullopt;
  return *hour * 60 + *minute;
}

}  // namespace

Result<QuietHours> QuietHours::parse(std::string_view text) {
  if (text.size() == 11 && text[5] == '-') {
    const auto from = minute_of(text.substr(0, 5));
    const auto to = minute_of(text.substr(6));
    if (from && to) return QuietHours{*from, *to};
  }
  Error error = fatal("bad_quiet_hours", "quiet hours are written FROM-TO in local time", "for example 22:00-07:00");
  error.exit_code = ExitCode::usage;
  return error;
}

bool QuietHours::cover(int minute_of_day) const {
  if (from_minute <= to_minute) return minute_of_day >= from_minute && minute_of_day < to_minute;
  return minute_of_day >= from_minute || minute_of_day < to_minute;
}

int QuietHours::minutes_left(int minute_of_day) const {
  if (!cover(minute_of_day)) return 0;
  return (to_minute - minute_of_day + kDayMinutes) % kDayMinutes;
}

}  // namespace luge
