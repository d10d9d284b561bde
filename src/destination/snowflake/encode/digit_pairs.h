#pragma once
#include <array>
#include <cstdint>
#include <cstring>

namespace luge {

/// "000102…99".
inline constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (unsigned i = 0; i < 100; ++i) {
    pairs[i * 2] = static_cast<char>('0' + i / 10);
    pairs[i * 2 + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

/// "000102…ff".
inline constexpr std::array<char, 512> kHexPairs = [] {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (unsigned i = 0; i < 256; ++i) {
    pairs[i * 2] = kHex[i >> 4];
    pairs[i * 2 + 1] = kHex[i & 15];
  }
  return pairs;
}();

/// Both return one past what they wrote: two digits of a number below 100; two of a byte.
inline char* write_two_digits(unsigned number, char* to) {
  std::memcpy(to, kDigitPairs.data() + number * 2, 2);
  return to + 2;
}
inline char* write_hex_byte(std::uint8_t byte, char* to) {
  std::memcpy(to, kHexPairs.data() + byte * 2U, 2);
  return to + 2;
}

}  // namespace luge
