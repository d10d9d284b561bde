#pragma once
#include <string_view>

#include "base/result.h"
#include "service/alert/alert.h"

namespace luge {

/// A part of every day in which only the worst is told. What else began meanwhile and still lasts is told when it ends. Local time.
struct QuietHours {
  int from_minute = 0;  ///< of the day; the same as to_minute: never quiet
  int to_minute = 0;    ///< may be before from_minute: over midnight
  AlertSeverity passes = AlertSeverity::critical;  ///< and worse

  /// "22:00-07:00". Errors: usage "bad_quiet_hours".
  static Result<QuietHours> parse(std::string_view text);

  bool cover(int minute_of_day) const;
  /// Zero outside of them.
  int minutes_left(int minute_of_day) const;
};

}  // namespace luge
