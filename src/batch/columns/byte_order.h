#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace luge {

static_assert(std::endian::native == std::endian::little, "Arrow buffers are written in the machine's order, which luge takes to be little-endian");

/// An integer in network order (pq_sendint). The caller has checked that sizeof(T) bytes are there.
template <class T>
T load_big_endian(const char* bytes) {
  std::make_unsigned_t<T> raw;
  std::memcpy(&raw, bytes, sizeof raw);
  if constexpr (sizeof(T) == 2) {
    raw = __builtin_bswap16(raw);
  } else if constexpr (sizeof(T) == 4) {
    raw = __builtin_bswap32(raw);
  } else if constexpr (sizeof(T) == 8) {
    raw = __builtin_bswap64(raw);
  }
  return static_cast<T>(raw);
}

}  // namespace luge
