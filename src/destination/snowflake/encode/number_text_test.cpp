#include "destination/snowflake/encode/number_text.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "base/random.h"

namespace luge {
namespace {

__extension__ typedef __int128 Signed128;
__extension__ typedef unsigned __int128 Unsigned128;

std::string decimal_text(Signed128 value, unsigned scale) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, &value, 16);
  char text[64];
  return {text, write_decimal(bytes, scale, text)};
}

/// Digit by digit.
std::string slow_decimal_text(Signed128 value, unsigned scale) {
  const bool negative = value < 0;
  Unsigned128 rest = negative ? Unsigned128{0} - static_cast<Unsigned128>(value) : static_cast<Unsigned128>(value);
  std::string digits;
  for (; rest > 0 || digits.size() < scale + 1; rest /= 10) digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  if (scale > 0) digits.insert(digits.size() - scale, ".");
  return (negative ? "-" : "") + digits;
}

Signed128 power_of_ten(unsigned exponent) {
  Signed128 power = 1;
  for (unsigned i = 0; i < exponent; ++i) power *= 10;
  return power;
}

TEST(NumberText, Integers) {
  char text[kLongestIntegerText];
  EXPECT_EQ(std::string(text, write_integer(0, text)), "0");
  EXPECT_EQ(std::string(text, write_integer(-1, text)), "-1");
  EXPECT_EQ(std::string(text, write_integer(INT64_MIN, text)), "-9223372036854775808");
  EXPECT_EQ(std::string(text, write_integer(INT64_MAX, text)), "9223372036854775807");
  EXPECT_EQ(std::string(text, write_unsigned(UINT64_MAX, text)), "18446744073709551615");
}

TEST(NumberText, DecimalsHaveAllDigitsOfTheirScale) {
  EXPECT_EQ(decimal_text(0, 0), "0");
  EXPECT_EQ(decimal_text(0, 2), "0.00");
  EXPECT_EQ(decimal_text(-5, 2), "-0.05");
  EXPECT_EQ(decimal_text(150, 2), "1.50");
  EXPECT_EQ(decimal_text(-12345, 2), "-123.45");
  EXPECT_EQ(decimal_text(power_of_ten(38) - 1, 0), std::string(38, '9'));
  EXPECT_EQ(decimal_text(1 - power_of_ten(38), 38), "-0." + std::string(38, '9'));
  EXPECT_EQ(decimal_text(1, 38), "0." + std::string(37, '0') + "1");
  EXPECT_EQ(decimal_text(power_of_ten(19), 0), "10000000000000000000");
  EXPECT_EQ(decimal_text(power_of_ten(37), 37), "1." + std::string(37, '0'));
}

TEST(NumberText, RandomDecimals) {
  SeededRandom random(3);
  for (int round = 0; round < 50'000; ++round) {
    const auto high = static_cast<Signed128>(random.next() >> (1 + random.below(63)));
    Signed128 value = (high << 64 | static_cast<Signed128>(random.next() >> random.below(64))) % power_of_ten(38);
    if (random.chance(1, 2)) value = -value;
    const auto scale = static_cast<unsigned>(random.below(39));
    ASSERT_EQ(decimal_text(value, scale), slow_decimal_text(value, scale));
  }
}

TEST(NumberText, FloatsHaveAnExponent) {
  char text[kLongestFloatText];
  EXPECT_EQ(std::string(text, write_double(1, text)), "1e+00");
  EXPECT_EQ(std::string(text, write_double(0, text)), "0e+00");
  EXPECT_EQ(std::string(text, write_double(-0.0, text)), "-0e+00");
  EXPECT_EQ(std::string(text, write_double(0.1, text)), "1e-01");
  EXPECT_EQ(std::string(text, write_float(0.1F, text)), "1e-01");
  EXPECT_EQ(std::string(text, write_double(std::numeric_limits<double>::max(), text)), "1.7976931348623157e+308");
  EXPECT_EQ(std::string(text, write_double(std::numeric_limits<double>::denorm_min(), text)), "5e-324");
  EXPECT_EQ(std::string(text, write_double(-2.2250738585072014e-308, text)), "-2.2250738585072014e-308");
}

TEST(NumberText, RandomFloatsReadBackBitForBit) {
  SeededRandom random(4);
  for (int round = 0; round < 50'000; ++round) {
    char text[kLongestFloatText + 1];
    const auto wide = std::bit_cast<double>(random.next());
    if (std::isfinite(wide)) {
      *write_double(wide, text) = '\0';
      ASSERT_EQ(std::bit_cast<std::uint64_t>(std::strtod(text, nullptr)), std::bit_cast<std::uint64_t>(wide));
    }
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    if (std::isfinite(narrow)) {
      *write_float(narrow, text) = '\0';
      ASSERT_EQ(std::bit_cast<std::uint32_t>(std::strtof(text, nullptr)), std::bit_cast<std::uint32_t>(narrow));
    }
  }
}

}  // namespace
}  // namespace luge
