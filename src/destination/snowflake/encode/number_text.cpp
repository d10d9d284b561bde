#include "destination/snowflake/encode/number_text.h"

#include <charconv>
#include <cstring>

#include "destination/snowflake/encode/digit_pairs.h"

namespace luge {

namespace {

__extension__ typedef unsigned __int128 Unsigned128;

constexpr std::uint64_t kTenTo19 = 10'000'000'000'000'000'000ULL;

/// Exactly 19 digits of a number below 10^19.
void write_19_digits(std::uint64_t value, char* to) {
  for (int i = 17; i >= 1; i -= 2) {
    write_two_digits(static_cast<unsigned>(value % 100), to + i);
    value /= 100;
  }
  *to = static_cast<char>('0' + value);
}

char* write_digits(Unsigned128 value, char* to) {
  if (value <= UINT64_MAX) return write_unsigned(static_cast<std::uint64_t>(value), to);
  to = write_digits(value / kTenTo19, to);
  write_19_digits(static_cast<std::uint64_t>(value % kTenTo19), to);
  return to + 19;
}

}  // namespace

char* write_integer(std::int64_t value, char* to) {
  if (value < 0) {
    *to++ = '-';
    return write_unsigned(std::uint64_t{0} - static_cast<std::uint64_t>(value), to);
  }
  return write_unsigned(static_cast<std::uint64_t>(value), to);
}

char* write_unsigned(std::uint64_t value, char* to) { return std::to_chars(to, to + kLongestIntegerText, value).ptr; }

char* write_decimal(const std::uint8_t* value, unsigned scale, char* to) {
  Unsigned128 magnitude;
  std::memcpy(&magnitude, value, sizeof magnitude);
  if ((value[15] & 0x80U) != 0) {
    magnitude = Unsigned128{0} - magnitude;
    *to++ = '-';
  }
  char digits[40];
  const auto count = static_cast<unsigned>(write_digits(magnitude, digits) - digits);
  const unsigned whole = count > scale ? count - scale : 0;
  if (whole == 0) {
    *to++ = '0';
  } else {
    std::memcpy(to, digits, whole);
    to += whole;
  }
  if (scale == 0) return to;
  *to++ = '.';
  const unsigned fraction = count - whole;
  std::memset(to, '0', scale - fraction);
  to += scale - fraction;
  std::memcpy(to, digits + whole, fraction);
  return to + fraction;
}

char* write_float(float value, char* to) { return std::to_chars(to, to + kLongestFloatText, value, std::chars_format::scientific).ptr; }

char* write_double(double value, char* to) { return std::to_chars(to, to + kLongestFloatText, value, std::chars_format::scientific).ptr; }

}  // namespace luge
