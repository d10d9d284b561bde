#pragma once
#include <cstdint>
#include <string_view>

namespace luge {

/// Walks over PostgreSQL's text forms from left to right. Every take_ says whether it found what it was asked for.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool done() const { return at_ == end_; }
  bool take(char c) {
    if (done() || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  /// `least` to `most` (at most 18) decimal digits.
  bool take_number(int least, int most, std::int64_t& number) {
    const char* const start = at_;
    number = 0;
    while (at_ != end_ && at_ - start < most && *at_ >= '0' && *at_ <= '9') number = number * 10 + (*at_++ - '0');
    return at_ - start >= least;
  }
  /// Exactly two digits.
  bool take_two(std::int64_t& number) { return take_number(2, 2, number); }
  /// ".1" to ".123456", as microseconds; nothing at all is 0.
  bool take_fraction(std::int64_t& micros) {
    micros = 0;
    if (!take('.')) return true;
    const char* const start = at_;
    if (!take_number(1, 6, micros)) return false;
    for (auto digits = at_ - start; digits < 6; ++digits) micros *= 10;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace luge
