#include "destination/snowflake/encode/variant_check.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "destination/snowflake/encode/json_string.h"

namespace luge {

namespace {

constexpr const char* kNotJson = "the value is not JSON";
constexpr const char* kTwice = "an object of the JSON has the same key twice";
constexpr const char* kRounded = "the JSON has a number that VARIANT would round";
constexpr const char* kNull = "the JSON is null, which would arrive as the SQL NULL";
constexpr std::ptrdiff_t kDigitsAfterPoint = 37;
constexpr std::ptrdiff_t kDigits = 38;
constexpr const char* kHalfPair = "the JSON has half of a surrogate pair, which is no character";

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_in_number(char byte) { return is_digit(byte) || byte == '.'; }

/// A number without an exponent that may be too long to be kept, or a string that looks like one.
bool has_long_number(std::string_view json) {
  constexpr std::size_t kKept = kDigitsAfterPoint;
  // No longer run of digits fits between two of these looks.
  for (std::size_t at = kKept; at < json.size(); at += kKept + 1) {
    if (!is_in_number(json[at])) continue;
    std::size_t begin = at;
    while (begin > 0 && is_in_number(json[begin - 1])) --begin;
    while (at + 1 < json.size() && is_in_number(json[at + 1])) ++at;
    if (at - begin >= kKept) return true;
  }
  return false;
}

int hex_digit(char byte) {
  if (is_digit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

/// The four digits after "\u"; negative if they are none.
int code_unit(const char* digits, const char* end) {
  if (end - digits < 4) return -1;
  int unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(digits[i]);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

void append_utf8(unsigned code, std::string& text) {
  const auto push = [&text](unsigned byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xC0 | code >> 6);
    push(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    push(0xE0 | code >> 12);
    push(0x80 | (code >> 6 & 0x3F));
    push(0x80 | (code & 0x3F));
  } else {
    push(0xF0 | code >> 18);
    push(0x80 | (code >> 12 & 0x3F));
    push(0x80 | (code >> 6 & 0x3F));
    push(0x80 | (code & 0x3F));
  }
}

/// A number as its significant digits and the power of ten of the first one. "0.00120e5" is {"12", 2}; zero has no digits.
struct Scientific {
  static constexpr std::size_t kMostDigits = 17;  // tell every double from every other
  char digits[kMostDigits];
  std::size_t count = 0;
  std::int64_t exponent = 0;

  /// False: more significant digits than a double tells.
  bool read(const char* from, const char* end) {
    if (*from == '-') ++from;
    std::int64_t place = 0;  // of the digit before the point that comes last, seen from the first significant one
    bool after_point = false;
    std::size_t zeros = 0;  // significant only if another digit follows
    bool started = false;
    for (; from < end && *from != 'e' && *from != 'E'; ++from) {
      if (*from == '.') {
        after_point = true;
        continue;
      }
      if (*from != '0' && !started) {
        started = true;
        if (after_point) --place;
      } else if (!started) {
        if (after_point) --place;
        continue;
      } else if (!after_point) {
        ++place;
      }
      if (*from == '0') {
        ++zeros;
        continue;
      }
      if (count + zeros + 1 > kMostDigits) return false;
      std::fill_n(digits + count, zeros, '0');
      count += zeros;
      zeros = 0;
      digits[count++] = *from;
    }
    if (count == 0) return true;
    if (from < end) {
      ++from;
      if (*from == '+') ++from;
      if (std::from_chars(from, end, exponent).ec != std::errc{}) return false;
      if (exponent > 100'000 || exponent < -100'000) return false;
    }
    exponent += place;
    return true;
  }
};

/// The nearest double, written with as many digits, is the same number.
bool survives_as_double(const char* from, const char* end) {
  Scientific wanted;
  if (!wanted.read(from, end)) return false;
  if (wanted.count == 0) return true;
  double nearest = 0;
  if (std::from_chars(from, end, nearest).ec != std::errc{}) return false;
  char text[32];
  const auto digits_after_point = static_cast<int>(wanted.count) - 1;
  const char* text_end = std::to_chars(text, text + sizeof text, nearest, std::chars_format::scientific, digits_after_point).ptr;
  Scientific got;
  return got.read(text, text_end) && got.exponent == wanted.exponent &&
         std::equal(got.digits, got.digits + got.count, wanted.digits, wanted.digits + wanted.count);
}

}  // namespace

const char* VariantCheck::misfit(std::string_view json, JsonText from) {
  if (from == JsonText::jsonb && !has_long_number(json)) return json == "null" ? kNull : nullptr;
  at_ = json.data();
  end_ = json.data() + json.size();
  keep_keys_ = from != JsonText::jsonb;
  levels_.clear();
  keys_.clear();
  if (const char* reason = check_value()) return reason;
  skip_blanks();
  if (at_ != end_) return kNotJson;
  return json[json.find_first_not_of(" \n\t\r")] == 'n' ? kNull : nullptr;
}

/// Without recursion: documents nest as deep as PostgreSQL's stack allowed.
const char* VariantCheck::check_value() {
  bool key_is_next = false;
  for (;;) {
    skip_blanks();
    if (at_ == end_) return kNotJson;
    if (key_is_next) {
      if (*at_ != '"') return kNotJson;
      if (const char* reason = check_string(true)) return reason;
      skip_blanks();
      if (at_ == end_ || *at_ != ':') return kNotJson;
      ++at_;
      key_is_next = false;
      continue;
    }
    const char* reason = nullptr;
    switch (*at_) {
      case '{':
      case '[': {
        const bool is_object = *at_++ == '{';
        levels_.push_back({is_object, keys_.size()});
        skip_blanks();
        if (at_ < end_ && *at_ == (is_object ? '}' : ']')) {
          ++at_;
          levels_.pop_back();
          break;
        }
        key_is_next = is_object;
        continue;
      }
      case '"': reason = check_string(false); break;
      case 't': reason = check_word("true"); break;
      case 'f': reason = check_word("false"); break;
      case 'n': reason = check_word("null"); break;
      default: reason = check_number(); break;
    }
    if (reason != nullptr) return reason;
    // A value has ended, and with it perhaps those around it.
    for (;;) {
      if (levels_.empty()) return nullptr;
      skip_blanks();
      if (at_ == end_) return kNotJson;
      const char next = *at_++;
      if (next == ',') break;
      if (next != (levels_.back().is_object ? '}' : ']')) return kNotJson;
      if (levels_.back().is_object && !close_object()) return kTwice;
      levels_.pop_back();
    }
    key_is_next = levels_.back().is_object;
  }
}

void VariantCheck::skip_blanks() {
  while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
}

const char* VariantCheck::check_string(bool is_key) {
  const char* const begin = ++at_;
  bool escaped = false;
  for (;;) {
    at_ = find_special(at_, end_);
    if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x20) return kNotJson;
    if (*at_ == '"') break;
    escaped = true;
    if (const char* reason = check_escape()) return reason;
  }
  if (is_key && keep_keys_) {
    Key key{0, begin, at_};
    key.hash = std::hash<std::string_view>{}(escaped ? unescape(key, name_) : std::string_view(begin, static_cast<std::size_t>(at_ - begin)));
    keys_.push_back(key);
  }
  ++at_;
  return nullptr;
}

const char* VariantCheck::check_escape() {
  ++at_;
  if (at_ == end_) return kNotJson;
  constexpr std::string_view kSimple = "\"\\/bfnrt";
  if (*at_ != 'u') return kSimple.find(*at_++) == std::string_view::npos ? kNotJson : nullptr;
  const int unit = code_unit(at_ + 1, end_);
  if (unit < 0) return kNotJson;
  at_ += 5;
  if (is_low_surrogate(unit)) return kHalfPair;
  if (!is_high_surrogate(unit)) return nullptr;
  if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u' || !is_low_surrogate(code_unit(at_ + 2, end_))) return kHalfPair;
  at_ += 6;
  return nullptr;
}

const char* VariantCheck::check_number() {
  const auto digits = [this] {
    const char* const begin = at_;
    while (at_ < end_ && is_digit(*at_)) ++at_;
    return at_ - begin;
  };
  const char* const begin = at_;
  if (*at_ == '-') ++at_;
  const char* const whole_begin = at_;
  const auto whole = digits();
  if (whole == 0 || (whole > 1 && *whole_begin == '0')) return kNotJson;
  std::ptrdiff_t fraction = 0;
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    fraction = digits();
    if (fraction == 0) return kNotJson;
  }
  const bool has_exponent = at_ < end_ && (*at_ == 'e' || *at_ == 'E');
  if (has_exponent) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (digits() == 0) return kNotJson;
  }
  const auto significant_whole = *whole_begin == '0' ? 0 : whole;
  if (!has_exponent && fraction <= kDigitsAfterPoint && significant_whole + fraction <= kDigits) return nullptr;
  return survives_as_double(begin, at_) ? nullptr : kRounded;
}

const char* VariantCheck::check_word(std::string_view word) {
  if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word) return kNotJson;
  at_ += word.size();
  return nullptr;
}

/// True: the keys of the innermost object differ.
bool VariantCheck::close_object() {
  const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(levels_.back().first_key);
  bool distinct = true;
  if (keys_.end() - first > 1) {
    std::sort(first, keys_.end(), [](const Key& a, const Key& b) { return a.hash < b.hash; });
    // Equal hashes stand side by side; of three keys with one hash the outer two may be the same.
    for (auto key = first; key + 1 < keys_.end() && distinct; ++key) {
      for (auto other = key + 1; other < keys_.end() && other->hash == key->hash && distinct; ++other)
        distinct = unescape(*key, name_) != unescape(*other, other_name_);
    }
  }
  keys_.erase(first, keys_.end());
  return distinct;
}

std::string_view VariantCheck::unescape(const Key& key, std::string& into) const {
  into.clear();
  for (const char* at = key.begin; at < key.end;) {
    if (*at != '\\') {
      into += *at++;
      continue;
    }
    const char letter = at[1];
    at += 2;
    switch (letter) {
      case 'b': into += '\b'; break;
      case 'f': into += '\f'; break;
      case 'n': into += '\n'; break;
      case 'r': into += '\r'; break;
      case 't': into += '\t'; break;
      case 'u': {
        auto code = static_cast<unsigned>(code_unit(at, key.end));
        at += 4;
        if (is_high_surrogate(static_cast<int>(code))) {
          code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(code_unit(at + 2, key.end)) - 0xDC00);
          at += 6;
        }
        append_utf8(code, into);
        break;
      }
      default: into += letter; break;
    }
  }
  return into;
}

}  // namespace luge
