#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"
#include "batch/columns/calendar.h"

namespace luge {

namespace {

/// Arrow's month_day_nano.
struct MonthDayNano {
  std::int32_t months;
  std::int32_t days;
  std::int64_t nanos;
};

/// Source: timestamp.c, interval_out with IntervalStyle postgres (datetime.c, EncodeInterval) and interval_send
/// (microseconds, days, months; since 17 all fields at their ends are infinite).
struct IntervalFormat {
  using Value = MonthDayNano;

  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text == "infinity" || text == "-infinity") return kInfinite;
    TextCursor cursor(text);
    std::int64_t months = 0, days = 0, micros = 0;
    bool any = false;
    // Each part has its own sign: "-1 years +2 mons 3 days -04:05:06.7". Only parts that are not zero are written, the time last.
    for (int next_part = 0; !cursor.done();) {
      if (any && !cursor.take(' ')) return kMalformedText;
      const bool negative = cursor.take('-');
      if (!negative) cursor.take('+');
      std::int64_t number = 0;
      if (!cursor.take_number(1, 10, number)) return kMalformedText;
      const std::int64_t sign = negative ? -1 : 1;
      if (cursor.take(':')) {
        if (!take_minutes(cursor, number, negative, micros) || !cursor.done()) return kMalformedText;
      } else if (!cursor.take(' ')) {
        return kMalformedText;
      } else if (next_part < 1 && (cursor.take("years") || cursor.take("year"))) {
        months += sign * number * 12;
        next_part = 1;
      } else if (next_part < 2 && (cursor.take("mons") || cursor.take("mon"))) {
        months += sign * number;
        next_part = 2;
      } else if (next_part < 3 && (cursor.take("days") || cursor.take("day"))) {
        days = sign * number;
        next_part = 3;
      } else {
        return kMalformedText;
      }
      any = true;
    }
    if (!any || months != static_cast<std::int32_t>(months) || days != static_cast<std::int32_t>(days)) return kMalformedText;
    return finish(static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), micros, value);
  }

  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != 16) return kMalformedBinary;
    const auto micros = load_big_endian<std::int64_t>(bytes.data());
    const auto days = load_big_endian<std::int32_t>(bytes.data() + 8);
    const auto months = load_big_endian<std::int32_t>(bytes.data() + 12);
    if ((micros == INT64_MAX && days == INT32_MAX && months == INT32_MAX) || (micros == INT64_MIN && days == INT32_MIN && months == INT32_MIN))
      return kInfinite;
    return finish(months, days, micros, value);
  }

 private:
  /// Hours are read; "05:06.789" is left. Microseconds down to INT64_MIN.
  static bool take_minutes(TextCursor& cursor, std::int64_t hours, bool negative, std::int64_t& micros) {
    std::int64_t minutes = 0, seconds = 0, fraction = 0;
    if (!cursor.take_two(minutes) || !cursor.take(':') || !cursor.take_two(seconds) || !cursor.take_fraction(fraction)) return false;
    if (minutes > 59 || seconds > 59) return false;
    const std::int64_t whole = (hours * 60 + minutes) * 60 + seconds;
    if (__builtin_mul_overflow(negative ? -whole : whole, kMicrosPerSecond, &micros)) return false;
    return !__builtin_add_overflow(micros, negative ? -fraction : fraction, &micros);
  }
  static MisfitReason finish(std::int32_t months, std::int32_t days, std::int64_t micros, Value& value) {
    value.months = months;
    value.days = days;
    return __builtin_mul_overflow(micros, 1000, &value.nanos) ? "the time part of the interval is beyond int64 nanoseconds" : kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_interval_builder() {
  return std::make_unique<FixedBuilder<IntervalFormat>>(ValueType{ValueKind::interval, 0, 0, nullptr});
}

}  // namespace luge
