#include "base/printable_text.h"

namespace luge {

std::string printable_text(std::string_view text, std::size_t widest) {
  std::string out;
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool begins_character = (byte & 0xC0U) != 0x80U;
    if (begins_character && ++width > widest) return out + "…";
    // U+0080 to U+009F: 0xC2 and the number.
    const bool c1 =
        byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (byte == '\n') {
      out += "⏎";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += ' ';
    } else if (c1) {
      out += ' ';
      ++at;
    } else {
      out += text[at];
    }
  }
  return out;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace luge
