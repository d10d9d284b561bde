#include <charconv>
#include <cmath>
#include <limits>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"

namespace luge {

namespace {

/// Source: float.c, float4out and float8out with extra_float_digits above 0: the shortest digits that read back to the same bits.
template <class T, class Bits>
struct FloatFormat {
  using Value = T;

  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text.empty()) return kMalformedText;
    const char last = text.back();
    if (last == 'N' || last == 'y') return read_special(text, value);
    if (last < '0' || last > '9') return kMalformedText;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? kFits : kMalformedText;
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != sizeof(T)) return kMalformedBinary;
    value = std::bit_cast<T>(load_big_endian<Bits>(bytes.data()));
    return kFits;
  }

 private:
  static MisfitReason read_special(std::string_view text, Value& value) {
    if (text == "NaN") {
      value = std::numeric_limits<T>::quiet_NaN();
    } else if (text == "Infinity") {
      value = std::numeric_limits<T>::infinity();
    } else if (text == "-Infinity") {
      value = -std::numeric_limits<T>::infinity();
    } else {
      return kMalformedText;
    }
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_float_builder(const ValueType& value) {
  if (value.kind == ValueKind::float32) return std::make_unique<FixedBuilder<FloatFormat<float, std::uint32_t>>>(value);
  return std::make_unique<FixedBuilder<FloatFormat<double, std::uint64_t>>>(value);
}

}  // namespace luge
