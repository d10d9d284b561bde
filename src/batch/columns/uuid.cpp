#include <array>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/hex.h"

namespace luge {

namespace {

/// Source: uuid.c, uuid_out (8-4-4-4-12 hexadecimal digits) and uuid_send (16 bytes in that order).
struct UuidFormat {
  using Value = std::array<std::uint8_t, 16>;

  MisfitReason read_text(std::string_view text, Value& value) const {
    if (text.size() != 36) return kMalformedText;
    std::size_t at = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) {
        if (text[at++] != '-') return kMalformedText;
      }
      const unsigned byte = hex_byte(text[at], text[at + 1]);
      if (byte > 0xFF) return kMalformedText;
      value[i] = static_cast<std::uint8_t>(byte);
      at += 2;
    }
    return kFits;
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != value.size()) return kMalformedBinary;
    std::memcpy(value.data(), bytes.data(), value.size());
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_uuid_builder() { return std::make_unique<FixedBuilder<UuidFormat>>(ValueType{ValueKind::uuid, 0, 0, nullptr}); }

}  // namespace luge
