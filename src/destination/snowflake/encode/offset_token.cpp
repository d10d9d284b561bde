#include "destination/snowflake/encode/offset_token.h"

#include <cstring>

#include "destination/snowflake/encode/digit_pairs.h"

namespace luge {

namespace {

bool take_hex(std::string_view text, std::uint64_t& value) {
  value = 0;
  for (const char digit : text) {
    if (digit >= '0' && digit <= '9') {
      value = value << 4 | static_cast<unsigned>(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
      value = value << 4 | static_cast<unsigned>(digit - 'a' + 10);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

char* write_hex(std::uint64_t value, char* to) {
  for (int shift = 56; shift >= 0; shift -= 8) to = write_hex_byte(static_cast<std::uint8_t>(value >> shift), to);
  return to;
}

std::string offset_token(const Position& position) {
  std::string token(kOffsetTokenSize, '/');
  char epoch[16];
  write_hex(position.epoch, epoch);
  std::memcpy(token.data(), epoch + 8, 8);
  write_hex(position.commit_lsn.value, token.data() + 9);
  write_hex(position.ordinal, token.data() + kOffsetTokenOrdinal);
  return token;
}

std::optional<Position> parse_offset_token(std::string_view text) {
  std::uint64_t epoch = 0;
  Position position;
  if (text.size() != kOffsetTokenSize || text[8] != '/' || text[kOffsetTokenOrdinal - 1] != '/' || !take_hex(text.substr(0, 8), epoch) ||
      !take_hex(text.substr(9, 16), position.commit_lsn.value) || !take_hex(text.substr(kOffsetTokenOrdinal), position.ordinal)) {
    return std::nullopt;
  }
  position.epoch = static_cast<Epoch>(epoch);
  return position;
}

}  // namespace luge
