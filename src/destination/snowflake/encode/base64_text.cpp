#include "destination/snowflake/encode/base64_text.h"

#include <array>
#include <cstring>

namespace luge {

namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Two characters for every 12 bits.
constexpr std::array<char, 8192> kPairs = [] {
  std::array<char, 8192> pairs{};
  for (unsigned i = 0; i < 4096; ++i) {
    pairs[i * 2] = kAlphabet[i >> 6];
    pairs[i * 2 + 1] = kAlphabet[i & 63];
  }
  return pairs;
}();

}  // namespace

char* write_base64(const std::uint8_t* bytes, std::size_t count, char* to) {
  for (; count >= 3; count -= 3, bytes += 3, to += 4) {
    const unsigned bits = static_cast<unsigned>(bytes[0]) << 16 | static_cast<unsigned>(bytes[1]) << 8 | bytes[2];
    std::memcpy(to, kPairs.data() + (bits >> 12) * 2, 2);
    std::memcpy(to + 2, kPairs.data() + (bits & 4095) * 2, 2);
  }
  if (count == 0) return to;
  const unsigned bits = static_cast<unsigned>(bytes[0]) << 16 | (count == 2 ? static_cast<unsigned>(bytes[1]) << 8 : 0U);
  to[0] = kAlphabet[bits >> 18];
  to[1] = kAlphabet[(bits >> 12) & 63];
  to[2] = count == 2 ? kAlphabet[(bits >> 6) & 63] : '=';
  to[3] = '=';
  return to + 4;
}

}  // namespace luge
