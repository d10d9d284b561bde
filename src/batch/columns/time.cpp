#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"
#include "batch/columns/calendar.h"

namespace luge {

namespace {

bool in_day(std::int64_t micros) { return micros >= 0 && micros <= kMicrosPerDay; }

/// Source: date.c, time_out (EncodeTimeOnly) and time_send (microseconds of the day).
struct TimeFormat {
  using Value = std::int64_t;

  MisfitReason read_text(std::string_view text, Value& value) const {
    TextCursor cursor(text);
    return take_time_of_day(cursor, true, value) && cursor.done() ? kFits : kMalformedText;
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != sizeof(Value)) return kMalformedBinary;
    value = load_big_endian<std::int64_t>(bytes.data());
    return in_day(value) ? kFits : kMalformedBinary;
  }
};

/// Source: date.c, timetz_out (east of UTC) and timetz_send (microseconds, then seconds west of UTC).
class TimeTzBuilder final : public ArrowBuilder {
 public:
  TimeTzBuilder() : ArrowBuilder({ValueKind::time_tz, 0, 0, nullptr}) { add_children(); }

  bool append(const ValueView& view) override {
    std::int64_t micros = 0;
    std::int32_t seconds_east = 0;
    if (view.state == ValueState::binary) {
      if (view.bytes.size() != 12) return refuse(kMalformedBinary);
      micros = load_big_endian<std::int64_t>(view.bytes.data());
      const auto seconds_west = load_big_endian<std::int32_t>(view.bytes.data() + 8);
      if (!in_day(micros) || seconds_west == INT32_MIN) return refuse(kMalformedBinary);
      seconds_east = -seconds_west;
    } else if (view.state == ValueState::text) {
      TextCursor cursor(view.bytes);
      if (!take_time_of_day(cursor, true, micros) || !take_zone(cursor, seconds_east) || !cursor.done()) return refuse(kMalformedText);
    } else {
      append_null();
      return true;
    }
    push(micros, seconds_east);
    count_value();
    return true;
  }
  void append_null() override {
    push(0, 0);
    count_null();
  }
  ArrowColumn finish() override {
    ArrowColumn done = take_column();
    add_children();
    return done;
  }

 private:
  void add_children() {
    column_.children.resize(2);
    column_.children[0].type = {ValueKind::time, 0, 0, nullptr};
    column_.children[1].type = {ValueKind::int32, 0, 0, nullptr};
  }
  void push(std::int64_t micros, std::int32_t seconds_east) {
    column_.children[0].values.push(micros);
    column_.children[1].values.push(seconds_east);
    ++column_.children[0].length;
    ++column_.children[1].length;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_time_builder() { return std::make_unique<FixedBuilder<TimeFormat>>(ValueType{ValueKind::time, 0, 0, nullptr}); }

std::unique_ptr<ColumnBuilder> make_time_tz_builder() { return std::make_unique<TimeTzBuilder>(); }

}  // namespace luge
