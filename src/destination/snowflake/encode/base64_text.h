#pragma once
#include <cstddef>
#include <cstdint>

namespace luge {

/// Bytes of the text of `count` bytes, padding included.
constexpr std::size_t base64_size(std::size_t count) { return (count + 2) / 3 * 4; }

/// RFC 4648 with padding, as Snowflake's default pipe reads BINARY. Returns one past the last character.
char* write_base64(const std::uint8_t* bytes, std::size_t count, char* to);

}  // namespace luge
