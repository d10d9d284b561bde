#pragma once
#include <array>
#include <cstdint>

namespace luge {

/// Value of a hexadecimal digit; 0xFF: not one.
inline constexpr std::array<std::uint8_t, 256> kHexDigits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(0xFF);
  for (std::uint8_t i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = i;
  for (std::uint8_t i = 0; i < 6; ++i) {
    table[static_cast<std::size_t>('a' + i)] = static_cast<std::uint8_t>(10 + i);
    table[static_cast<std::size_t>('A' + i)] = static_cast<std::uint8_t>(10 + i);
  }
  return table;
}();

/// The byte of two digits, or a number above 0xFF when one is not a digit.
inline unsigned hex_byte(char high, char low) {
  const unsigned upper = kHexDigits[static_cast<unsigned char>(high)];
  const unsigned lower = kHexDigits[static_cast<unsigned char>(low)];
  return (upper | lower) > 0x0F ? 0x100U : (upper << 4) | lower;
}

}  // namespace luge
