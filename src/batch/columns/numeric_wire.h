#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "batch/columns/byte_order.h"

namespace luge {

/// numeric as numeric_send writes it: base-10000 digits, the first worth 10000^weight. Borrowed.
/// Source: PostgreSQL src/backend/utils/adt/numeric.c, numeric_send.
struct NumericWire {
  static constexpr std::uint16_t kPositive = 0x0000, kNegative = 0x4000, kNan = 0xC000, kInfinity = 0xD000, kMinusInfinity = 0xF000;

  int digit_count = 0;
  int weight = 0;
  std::uint16_t sign = kPositive;
  int display_scale = 0;  ///< digits after the point that the text shows
  const char* digits = nullptr;

  unsigned digit(int index) const { return load_big_endian<std::uint16_t>(digits + 2 * index); }
  bool finite() const { return sign == kPositive || sign == kNegative; }

  /// nullopt: malformed.
  static std::optional<NumericWire> parse(std::string_view bytes) {
    constexpr std::size_t kHeader = 8;
    if (bytes.size() < kHeader) return std::nullopt;
    NumericWire wire;
    wire.digit_count = load_big_endian<std::uint16_t>(bytes.data());
    wire.weight = load_big_endian<std::int16_t>(bytes.data() + 2);
    wire.sign = load_big_endian<std::uint16_t>(bytes.data() + 4);
    wire.display_scale = load_big_endian<std::uint16_t>(bytes.data() + 6);
    wire.digits = bytes.data() + kHeader;
    if (bytes.size() != kHeader + 2 * static_cast<std::size_t>(wire.digit_count)) return std::nullopt;
    if (!wire.finite() && wire.sign != kNan && wire.sign != kInfinity && wire.sign != kMinusInfinity) return std::nullopt;
    for (int i = 0; i < wire.digit_count; ++i) {
      if (wire.digit(i) > 9999) return std::nullopt;
    }
    return wire;
  }
};

}  // namespace luge
