#include "model/utf8.h"

#include <cstdint>
#include <cstring>

namespace luge {

namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080U;

bool is_tail(std::uint8_t byte) { return (byte & 0xC0) == 0x80; }

/// Length of the multi-byte sequence at `at` (Unicode standard, table 3-7); 0: ill-formed.
std::size_t sequence_length(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t lead = at[0];
  if (lead >= 0xC2 && lead <= 0xDF) return left >= 2 && is_tail(at[1]) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (left < 3 || !is_tail(at[1]) || !is_tail(at[2])) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;
    if (lead == 0xED && at[1] > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (left < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3])) return 0;
    if (lead == 0xF0 && at[1] < 0x90) return 0;
    if (lead == 0xF4 && at[1] > 0x8F) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto* const end = at + bytes.size();
  while (at != end) {
    while (end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof word);
      if ((word & kHighBits) != 0) break;
      at += 8;
    }
    while (at != end && *at < 0x80) ++at;
    // Text that is not ASCII is seldom so for one character only.
    while (at != end && *at >= 0x80) {
      const std::size_t length = sequence_length(at, static_cast<std::size_t>(end - at));
      if (length == 0) return false;
      at += length;
    }
  }
  return true;
}

}  // namespace luge
