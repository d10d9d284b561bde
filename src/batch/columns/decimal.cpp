#include <array>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/numeric_wire.h"

namespace luge {

namespace {

__extension__ using Int128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

constexpr int kMaxDigits = 38;
constexpr MisfitReason kNotFinite = "the value is NaN or infinite";
constexpr MisfitReason kTooManyDigits = "the value has more digits than the column's precision";
constexpr MisfitReason kTooFine = "the value has more digits after the point than the column's scale";

constexpr std::array<Unsigned128, kMaxDigits + 1> kPowers = [] {
  std::array<Unsigned128, kMaxDigits + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

/// value * factor + addend; false when that is beyond 128 bits.
bool multiply_add(Unsigned128& value, Unsigned128 factor, Unsigned128 addend) {
  return !__builtin_mul_overflow(value, factor, &value) && !__builtin_add_overflow(value, addend, &value);
}

/// decimal128(precision, scale): the value times 10^scale, exactly.
struct DecimalFormat {
  using Value = Int128;
  int precision = 0;
  int scale = 0;

  /// Source: numeric.c, numeric_out: an optional sign, digits, perhaps a point and digits; never an exponent.
  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") return kNotFinite;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    Unsigned128 magnitude = 0;
    std::size_t at = 0;
    const auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    const auto digit = [&] { return static_cast<unsigned>(text[at] - '0'); };
    if (!is_digit()) return kMalformedText;
    for (; is_digit(); ++at) {
      if (!multiply_add(magnitude, 10, digit())) return kTooManyDigits;
    }
    int fraction = 0;
    if (at < text.size() && text[at] == '.') {
      ++at;
      if (!is_digit()) return kMalformedText;
      for (; is_digit(); ++at) {
        if (fraction == scale) {
          if (digit() != 0) return kTooFine;
          continue;
        }
        if (!multiply_add(magnitude, 10, digit())) return kTooManyDigits;
        ++fraction;
      }
    }
    if (at != text.size()) return kMalformedText;
    return finish(magnitude, scale - fraction, negative, value);
  }

  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    const auto wire = NumericWire::parse(bytes);
    if (!wire) return kMalformedBinary;
    if (!wire->finite()) return kNotFinite;
    Unsigned128 magnitude = 0;
    int exponent = 0;  // of the last digit read, in units of 10^-scale
    for (int i = 0; i < wire->digit_count; ++i) {
      const unsigned digit = wire->digit(i);
      exponent = 4 * (wire->weight - i) + scale;
      if (exponent >= 0) {
        if (!multiply_add(magnitude, 10000, digit)) return kTooManyDigits;
      } else if (exponent > -4) {
        // The scale ends inside this group of four.
        const auto below = static_cast<unsigned>(kPowers[static_cast<std::size_t>(-exponent)]);
        if (digit % below != 0) return kTooFine;
        if (!multiply_add(magnitude, 10000 / below, digit / below)) return kTooManyDigits;
      } else if (digit != 0) {
        return kTooFine;
      }
    }
    return finish(magnitude, exponent > 0 ? exponent : 0, wire->sign == NumericWire::kNegative, value);
  }

 private:
  MisfitReason finish(Unsigned128 magnitude, int zeros, bool negative, Value& value) const {
    if (magnitude == 0) {
      value = 0;
      return kFits;
    }
    if (zeros > kMaxDigits || !multiply_add(magnitude, kPowers[static_cast<std::size_t>(zeros)], 0)) return kTooManyDigits;
    if (magnitude >= kPowers[static_cast<std::size_t>(precision)]) return kTooManyDigits;
    const auto positive = static_cast<Value>(magnitude);
    value = negative ? -positive : positive;
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_decimal_builder(const ValueType& value) {
  return std::make_unique<FixedBuilder<DecimalFormat>>(value, DecimalFormat{value.precision, value.scale});
}

}  // namespace luge
