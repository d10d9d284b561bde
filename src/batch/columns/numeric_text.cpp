#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/numeric_wire.h"

namespace luge {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What numeric_out may write: digits with an optional sign and point, or one of three words.
bool is_numeric_text(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) ++at;
  if (at == 0) return false;
  if (at == text.size()) return true;
  if (text[at++] != '.' || at == text.size()) return false;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at == text.size();
}

/// Source: numeric.c, numeric_out and get_str_from_var.
struct NumericTextFormat {
  MisfitReason append_text(std::string_view text, Buffer& values) const {
    if (!is_numeric_text(text)) return kMalformedText;
    values.append(text.data(), text.size());
    return kFits;
  }

  MisfitReason append_binary(std::string_view bytes, Buffer& values) const {
    const auto wire = NumericWire::parse(bytes);
    if (!wire) return kMalformedBinary;
    switch (wire->sign) {
      case NumericWire::kNan: return append_word("NaN", values);
      case NumericWire::kInfinity: return append_word("Infinity", values);
      case NumericWire::kMinusInfinity: return append_word("-Infinity", values);
      default: break;
    }
    const auto whole_groups = static_cast<std::size_t>(wire->weight < 0 ? 1 : wire->weight + 1);
    const std::size_t before = values.size();
    // Sign, whole groups, point, fraction rounded up to groups: cut to the shown scale below.
    values.resize(before + 1 + 4 * whole_groups + 1 + static_cast<std::size_t>(wire->display_scale) + 4);
    std::uint8_t* out = values.data() + before;
    if (wire->sign == NumericWire::kNegative) *out++ = '-';
    out = write_whole(*wire, out);
    if (wire->display_scale > 0) {
      *out++ = '.';
      std::uint8_t* const end = out + wire->display_scale;
      for (int place = -1; out < end; --place) out = write_group(group_at(*wire, place), out);
      out = end;
    }
    values.resize(static_cast<std::size_t>(out - values.data()));
    return kFits;
  }

 private:
  static MisfitReason append_word(std::string_view word, Buffer& values) {
    values.append(word.data(), word.size());
    return kFits;
  }
  /// The group worth 10000^place; zero where none was sent.
  static unsigned group_at(const NumericWire& wire, int place) {
    const int index = wire.weight - place;
    return index >= 0 && index < wire.digit_count ? wire.digit(index) : 0;
  }
  static std::uint8_t* write_group(unsigned group, std::uint8_t* out) {
    out[0] = static_cast<std::uint8_t>('0' + group / 1000);
    out[1] = static_cast<std::uint8_t>('0' + group / 100 % 10);
    out[2] = static_cast<std::uint8_t>('0' + group / 10 % 10);
    out[3] = static_cast<std::uint8_t>('0' + group % 10);
    return out + 4;
  }
  static std::uint8_t* write_whole(const NumericWire& wire, std::uint8_t* out) {
    if (wire.weight < 0) {
      *out++ = '0';
      return out;
    }
    const unsigned first = group_at(wire, wire.weight);
    if (first >= 1000) *out++ = static_cast<std::uint8_t>('0' + first / 1000);
    if (first >= 100) *out++ = static_cast<std::uint8_t>('0' + first / 100 % 10);
    if (first >= 10) *out++ = static_cast<std::uint8_t>('0' + first / 10 % 10);
    *out++ = static_cast<std::uint8_t>('0' + first % 10);
    for (int place = wire.weight - 1; place >= 0; --place) out = write_group(group_at(wire, place), out);
    return out;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_numeric_text_builder() {
  return std::make_unique<BytesBuilder<NumericTextFormat>>(ValueType{ValueKind::text, 0, 0, nullptr});
}

}  // namespace luge
