#include <array>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "model/utf8.h"

namespace luge {

namespace {

MisfitReason append_utf8(std::string_view text, Buffer& values) {
  if (!is_utf8(text)) return kNotUtf8;
  values.append(text.data(), text.size());
  return kFits;
}

template <TextWire kWire>
struct TextFormat {
  MisfitReason append_text(std::string_view text, Buffer& values) const { return append_utf8(text, values); }
  MisfitReason append_binary(std::string_view bytes, Buffer& values) const {
    if constexpr (kWire == TextWire::same) return append_utf8(bytes, values);
    if constexpr (kWire == TextWire::jsonb) return append_jsonb(bytes, values);
    if constexpr (kWire == TextWire::one_byte) return append_char(bytes, values);
    return kNoBinaryReader;
  }

 private:
  /// jsonb.c, jsonb_send: version 1, then the text that jsonb_out writes.
  static MisfitReason append_jsonb(std::string_view bytes, Buffer& values) {
    if (bytes.empty() || bytes.front() != '\1') return kMalformedBinary;
    return append_utf8(bytes.substr(1), values);
  }
  /// char.c, charout: a zero byte is the empty text, a byte with the high bit is "\ooo".
  static MisfitReason append_char(std::string_view bytes, Buffer& values) {
    if (bytes.size() != 1) return kMalformedBinary;
    const auto byte = static_cast<unsigned char>(bytes.front());
    if (byte >= 0x80) {
      const std::array<char, 4> octal = {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + ((byte >> 3) & 7)),
                                         static_cast<char>('0' + (byte & 7))};
      values.append(octal.data(), octal.size());
    } else if (byte != 0) {
      values.push(byte);
    }
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_text_builder(const ValueType& value, TextWire wire) {
  switch (wire) {
    case TextWire::text_only: return std::make_unique<BytesBuilder<TextFormat<TextWire::text_only>>>(value);
    case TextWire::same: return std::make_unique<BytesBuilder<TextFormat<TextWire::same>>>(value);
    case TextWire::jsonb: return std::make_unique<BytesBuilder<TextFormat<TextWire::jsonb>>>(value);
    case TextWire::one_byte: return std::make_unique<BytesBuilder<TextFormat<TextWire::one_byte>>>(value);
  }
  ensure_failed("text wire", "unknown form of text on the wire", __FILE__, __LINE__);
}

}  // namespace luge
