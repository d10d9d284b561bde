#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/hex.h"

namespace luge {

namespace {

/// Source: varlena.c, byteaout with bytea_output = hex ("\x" and two digits a byte) and byteasend (the bytes).
struct ByteaFormat {
  MisfitReason append_text(std::string_view text, Buffer& values) const {
    if (!text.starts_with("\\x")) return "bytea arrived in its escape form: bytea_output is not hex";
    text.remove_prefix(2);
    if (text.size() % 2 != 0) return kMalformedText;
    const std::size_t before = values.size();
    values.resize(before + text.size() / 2);
    std::uint8_t* out = values.data() + before;
    for (std::size_t i = 0; i < text.size(); i += 2) {
      const unsigned byte = hex_byte(text[i], text[i + 1]);
      if (byte > 0xFF) return kMalformedText;
      *out++ = static_cast<std::uint8_t>(byte);
    }
    return kFits;
  }
  MisfitReason append_binary(std::string_view bytes, Buffer& values) const {
    values.append(bytes.data(), bytes.size());
    return kFits;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_bytea_builder() {
  return std::make_unique<BytesBuilder<ByteaFormat>>(ValueType{ValueKind::binary, 0, 0, nullptr});
}

}  // namespace luge
