#include "destination/snowflake/encode/value_writer.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/ensure.h"
#include "destination/snowflake/encode/base64_text.h"
#include "destination/snowflake/encode/digit_pairs.h"
#include "destination/snowflake/encode/json_string.h"
#include "destination/snowflake/encode/number_text.h"
#include "destination/snowflake/encode/time_text.h"

namespace luge {

namespace {

constexpr std::size_t kLargestText = 16 * 1024 * 1024;
constexpr std::size_t kLargestBinary = 8 * 1024 * 1024;

constexpr MisfitReason kFits = nullptr;
constexpr MisfitReason kTextTooLong = "the text is longer than the 16 MB of a VARCHAR";
constexpr MisfitReason kJsonTooLong = "the JSON is longer than the 16 MB of a VARIANT";
constexpr MisfitReason kListTooLong = "the array is longer than the 16 MB of an ARRAY";
constexpr MisfitReason kBinaryTooLong = "the value is longer than the 8 MB of a BINARY";
constexpr MisfitReason kDateOutside = "the date lies outside the years 1 to 9999 or is infinite";
constexpr MisfitReason kTimestampOutside = "the timestamp lies outside the years 1 to 9999 or is infinite";
constexpr MisfitReason kMidnight24 = "24:00:00 is no TIME";

}  // namespace

/// One function per form.
struct ValueForms {
  static MisfitReason boolean(ValueWriter& self, std::size_t row, JsonOutput& out) {
    out.put(bit_at(self.values_, row) ? std::string_view("true") : std::string_view("false"));
    return kFits;
  }
  template <class T>
  static MisfitReason signed_integer(ValueWriter& self, std::size_t row, JsonOutput& out) {
    out.at = write_integer(self.value<T>(row), out.at);
    return kFits;
  }
  template <class T>
  static MisfitReason unsigned_integer(ValueWriter& self, std::size_t row, JsonOutput& out) {
    out.at = write_unsigned(self.value<T>(row), out.at);
    return kFits;
  }
  template <class T, char* (*kWrite)(T, char*)>
  static MisfitReason floating(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const T value = self.value<T>(row);
    if (std::isfinite(value)) [[likely]] {
      out.at = kWrite(value, out.at);
    } else {
      out.put(std::string_view(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"inf\"" : "\"-inf\""));
    }
    return kFits;
  }
  static MisfitReason decimal(ValueWriter& self, std::size_t row, JsonOutput& out) {
    out.put('"');
    out.at = write_decimal(self.values_ + row * 16, self.scale_, out.at);
    out.put('"');
    return kFits;
  }
  static MisfitReason text(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::string_view value = bytes(self, row);
    if (value.size() > kLargestText) return kTextTooLong;
    write_json_string(value, out);
    return kFits;
  }
  static MisfitReason json(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::string_view value = bytes(self, row);
    if (value.size() > kLargestText) return kJsonTooLong;
    if (MisfitReason reason = self.variant_check_->misfit(value, self.json_)) return reason;
    out.room(value.size());
    char* const begin = out.at;
    out.put(value);
    if (self.json_ == JsonText::jsonb) return kFits;
    // Strings hold no control character as it is, so these stand between tokens.
    for (const char line_break : {'\n', '\r'}) {
      char* at = begin;
      while ((at = static_cast<char*>(std::memchr(at, line_break, static_cast<std::size_t>(out.at - at)))) != nullptr) *at++ = ' ';
    }
    return kFits;
  }
  static MisfitReason binary(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::string_view value = bytes(self, row);
    if (value.size() > kLargestBinary) return kBinaryTooLong;
    out.room(base64_size(value.size()) + 2);
    out.put('"');
    out.at = write_base64(reinterpret_cast<const std::uint8_t*>(value.data()), value.size(), out.at);
    out.put('"');
    return kFits;
  }
  static MisfitReason date(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const auto days = self.value<std::int32_t>(row);
    if (!is_snowflake_date(days)) [[unlikely]]
      return kDateOutside;
    out.put('"');
    out.at = write_date(days, out.at);
    out.put('"');
    return kFits;
  }
  static MisfitReason time(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const auto micros = self.value<std::int64_t>(row);
    if (micros == kMicrosPerDay) [[unlikely]]
      return kMidnight24;
    out.put('"');
    out.at = write_time(micros, out.at);
    out.put('"');
    return kFits;
  }
  static MisfitReason time_tz(ValueWriter& self, std::size_t row, JsonOutput& out) {
    std::int32_t seconds_east = 0;
    std::memcpy(&seconds_east, self.zones_ + row * sizeof seconds_east, sizeof seconds_east);
    out.put('"');
    out.at = write_time_tz_as_postgres(self.value<std::int64_t>(row), seconds_east, out.at);
    out.put('"');
    return kFits;
  }
  template <bool kWithZone>
  static MisfitReason timestamp(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const auto micros = self.value<std::int64_t>(row);
    if (!is_snowflake_timestamp(micros)) [[unlikely]]
      return kTimestampOutside;
    out.put('"');
    out.at = write_timestamp(micros, out.at);
    if (kWithZone) out.put(std::string_view("+00:00"));
    out.put('"');
    return kFits;
  }
  static MisfitReason interval(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::uint8_t* value = self.values_ + row * 16;
    std::int32_t months = 0, days = 0;
    std::int64_t nanos = 0;
    std::memcpy(&months, value, 4);
    std::memcpy(&days, value + 4, 4);
    std::memcpy(&nanos, value + 8, 8);
    out.put('"');
    out.at = write_interval_as_postgres(months, days, nanos, out.at);
    out.put('"');
    return kFits;
  }
  static MisfitReason uuid(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::uint8_t* value = self.values_ + row * 16;
    char* to = out.at;
    *to++ = '"';
    for (unsigned i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
      to = write_hex_byte(value[i], to);
    }
    *to++ = '"';
    out.at = to;
    return kFits;
  }
  static MisfitReason list(ValueWriter& self, std::size_t row, JsonOutput& out) {
    const std::size_t begin = out.size();
    ValueWriter& element = *self.element_;
    out.put('[');
    for (auto i = static_cast<std::size_t>(self.offsets_[row]); i < static_cast<std::size_t>(self.offsets_[row + 1]); ++i) {
      out.room(ValueWriter::kRoom + 1);
      if (element.is_null(i)) {
        out.put(std::string_view("null"));
      } else if (MisfitReason reason = element.write(i, out)) {
        return reason;
      }
      out.room(2);
      out.put(',');
      if (out.size() - begin > kLargestText) return kListTooLong;
    }
    if (out.at[-1] == ',') --out.at;
    out.room(1);
    out.put(']');
    return kFits;
  }

 private:
  static std::string_view bytes(const ValueWriter& self, std::size_t row) {
    const std::int32_t begin = self.offsets_[row];
    return {reinterpret_cast<const char*>(self.values_) + begin, static_cast<std::size_t>(self.offsets_[row + 1] - begin)};
  }

 public:
  static ValueWriter::Write for_kind(ValueKind kind) {
    switch (kind) {
      case ValueKind::boolean: return boolean;
      case ValueKind::int16: return signed_integer<std::int16_t>;
      case ValueKind::int32: return signed_integer<std::int32_t>;
      case ValueKind::int64: return signed_integer<std::int64_t>;
      case ValueKind::uint32: return unsigned_integer<std::uint32_t>;
      case ValueKind::uint64: return unsigned_integer<std::uint64_t>;
      case ValueKind::float32: return floating<float, write_float>;
      case ValueKind::float64: return floating<double, write_double>;
      case ValueKind::decimal: return decimal;
      case ValueKind::text: return text;
      case ValueKind::json: return json;
      case ValueKind::binary: return binary;
      case ValueKind::date: return date;
      case ValueKind::time: return time;
      case ValueKind::time_tz: return time_tz;
      case ValueKind::timestamp: return timestamp<false>;
      case ValueKind::timestamp_tz: return timestamp<true>;
      case ValueKind::interval: return interval;
      case ValueKind::uuid: return uuid;
      case ValueKind::list: return list;
    }
    ensure_failed("value kind", "unknown kind of value", __FILE__, __LINE__);
  }
};

static_assert(ValueWriter::kRoom >= kLongestTimeText + 2 && ValueWriter::kRoom >= kLongestDecimalText + 2);

ValueWriter::ValueWriter(const ValueType& type, JsonText json)
    : write_(ValueForms::for_kind(type.kind)), scale_(type.scale), kind_(type.kind), json_(json) {
  if (kind_ == ValueKind::json) variant_check_ = std::make_unique<VariantCheck>();
  if (kind_ == ValueKind::list) {
    ENSURE(type.element != nullptr, "a list has an element type");
    element_ = std::make_unique<ValueWriter>(*type.element, json);
  }
}

void ValueWriter::bind(const ArrowColumn& column) {
  ENSURE(column.type.kind == kind_ && column.type.scale == scale_, "the column has the type its writer was made for");
  validity_ = column.validity.empty() ? nullptr : column.validity.data();
  values_ = column.values.data();
  offsets_ = column.offsets.as<std::int32_t>();
  if (kind_ == ValueKind::time_tz) {
    values_ = column.children[0].values.data();
    zones_ = column.children[1].values.data();
  }
  if (kind_ == ValueKind::list) element_->bind(column.children[0]);
}

}  // namespace luge
