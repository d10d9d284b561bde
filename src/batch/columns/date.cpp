#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"
#include "batch/columns/calendar.h"

namespace luge {

namespace {

/// Source: date.c, date_out with DateStyle ISO (EncodeDateOnly) and date_send (days since 2000-01-01; the ends of int32 are infinite).
struct DateFormat {
  using Value = std::int32_t;

  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text == "infinity" || text == "-infinity") {
      value = text.front() == '-' ? -kDateInfinity : kDateInfinity;
      return kFits;
    }
    TextCursor cursor(text);
    WrittenDate date;
    if (!date.take_from(cursor)) return kMalformedText;
    const bool before_christ = cursor.take(" BC");
    if (!cursor.done()) return kMalformedText;
    return finish(date.days(before_christ), value);
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != sizeof(Value)) return kMalformedBinary;
    const auto days = load_big_endian<std::int32_t>(bytes.data());
    if (days == INT32_MAX || days == INT32_MIN) {
      value = days == INT32_MIN ? -kDateInfinity : kDateInfinity;
      return kFits;
    }
    return finish(std::int64_t{days} + kPgEpochDays, value);
  }

 private:
  static MisfitReason finish(std::int64_t days, Value& value) {
    if (days >= kDateInfinity || days <= -kDateInfinity) return kOutOfRange;
    value = static_cast<Value>(days);
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_date_builder() { return std::make_unique<FixedBuilder<DateFormat>>(ValueType{ValueKind::date, 0, 0, nullptr}); }

}  // namespace luge
