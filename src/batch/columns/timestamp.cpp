#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"
#include "batch/columns/calendar.h"

namespace luge {

namespace {

/// Source: timestamp.c, timestamp_out and timestamptz_out with DateStyle ISO (EncodeDateTime; the era comes last) and timestamp_send
/// (microseconds since 2000-01-01; the ends of int64 are infinite). PostgreSQL's range ends some years after what int64 holds from 1970.
template <bool kWithZone>
struct TimestampFormat {
  using Value = std::int64_t;

  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text == "infinity" || text == "-infinity") {
      value = text.front() == '-' ? -kTimestampInfinity : kTimestampInfinity;
      return kFits;
    }
    TextCursor cursor(text);
    WrittenDate date;
    std::int64_t time = 0;
    std::int32_t seconds_east = 0;
    if (!date.take_from(cursor) || !cursor.take(' ') || !take_time_of_day(cursor, false, time)) return kMalformedText;
    if (kWithZone && !take_zone(cursor, seconds_east)) return kMalformedText;
    const bool before_christ = cursor.take(" BC");
    if (!cursor.done()) return kMalformedText;
    std::int64_t micros = 0;
    if (__builtin_mul_overflow(date.days(before_christ), kMicrosPerDay, &micros) ||
        __builtin_add_overflow(micros, time - seconds_east * kMicrosPerSecond, &micros)) {
      return kOutOfRange;
    }
    return finish(micros, value);
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != sizeof(Value)) return kMalformedBinary;
    const auto since_2000 = load_big_endian<std::int64_t>(bytes.data());
    if (since_2000 == INT64_MAX || since_2000 == INT64_MIN) {
      value = since_2000 == INT64_MIN ? -kTimestampInfinity : kTimestampInfinity;
      return kFits;
    }
    std::int64_t micros = 0;
    if (__builtin_add_overflow(since_2000, kPgEpochMicros, &micros)) return kOutOfRange;
    return finish(micros, value);
  }

 private:
  static MisfitReason finish(std::int64_t micros, Value& value) {
    if (micros >= kTimestampInfinity || micros <= -kTimestampInfinity) return kOutOfRange;
    value = micros;
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_timestamp_builder(const ValueType& value) {
  if (value.kind == ValueKind::timestamp_tz) return std::make_unique<FixedBuilder<TimestampFormat<true>>>(value);
  return std::make_unique<FixedBuilder<TimestampFormat<false>>>(value);
}

}  // namespace luge
