#pragma once
#include <cstddef>
#include <cstdint>

namespace luge {

inline constexpr std::size_t kLongestIntegerText = 20;  ///< INT64_MIN, UINT64_MAX
inline constexpr std::size_t kLongestDecimalText = 42;  ///< sign, point, 40 digits
inline constexpr std::size_t kLongestFloatText = 24;    ///< "-2.2250738585072014e-308"

/// All write at `to`, which has room for the longest text, and return one past it.
char* write_integer(std::int64_t value, char* to);
char* write_unsigned(std::uint64_t value, char* to);

/// `value`: 16 bytes, little-endian two's complement. "-0.05": as many digits after the point as `scale` says, as PostgreSQL writes them.
char* write_decimal(const std::uint8_t* value, unsigned scale, char* to);

/// The fewest digits that read back as the same value, always with an exponent ("1.5e+00"): Snowflake reads such a number as a DOUBLE,
/// while it takes a number without one for a fixed-point one (PARSE_JSON's usage notes), whose way to FLOAT need not be exact to the last bit,
/// and in which -0 is 0. Finite values only.
char* write_float(float value, char* to);
char* write_double(double value, char* to);

}  // namespace luge
