#include "app/name_pattern.h"

namespace luge {

bool NamePattern::matches(std::string_view name) const {
  // Greedy with one backtrack point, as for shell globs: linear in practice, no recursion.
  std::size_t piece = 0;
  std::size_t at = 0;
  std::optional<std::pair<std::size_t, std::size_t>> retry;
  while (at < name.size()) {
    if (piece < pieces_.size() && pieces_[piece].kind == Piece::Kind::any_text) {
      retry = {piece++, at};
    } else if (piece < pieces_.size() && (pieces_[piece].kind == Piece::Kind::any_character || pieces_[piece].character == name[at])) {
      ++piece;
      ++at;
    } else if (retry) {
      piece = retry->first + 1;
      at = ++retry->second;
    } else {
      return false;
    }
  }
  while (piece < pieces_.size() && pieces_[piece].kind == Piece::Kind::any_text) ++piece;
  return piece == pieces_.size();
}

bool NamePattern::exact() const {
  for (const Piece& piece : pieces_) {
    if (piece.kind != Piece::Kind::literal) return false;
  }
  return true;
}

class NamePatternReader {
 public:
  explicit NamePatternReader(std::string_view text) : text_(text) {}

  std::optional<std::vector<NamePattern>> read() {
    std::vector<NamePattern> parts(1);
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '.') {
        if (parts.back().pieces_.empty()) return std::nullopt;
        parts.emplace_back();
      } else if (c == '"') {
        if (!quoted(parts.back())) return std::nullopt;
      } else {
        plain(parts.back(), c);
      }
    }
    if (parts.back().pieces_.empty()) return std::nullopt;
    return parts;
  }

 private:
  static void plain(NamePattern& part, char c) {
    using Kind = NamePattern::Piece::Kind;
    if (c == '*') return part.pieces_.push_back({Kind::any_text, 0});
    if (c == '?') return part.pieces_.push_back({Kind::any_character, 0});
    part.pieces_.push_back({Kind::literal, c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c});
  }

  bool quoted(NamePattern& part) {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') {
        if (at_ >= text_.size() || text_[at_] != '"') return true;
        ++at_;
      }
      part.pieces_.push_back({NamePattern::Piece::Kind::literal, c});
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<std::vector<NamePattern>> parse_name_patterns(std::string_view text) { return NamePatternReader(text).read(); }

std::vector<std::string> split_outside_quotes(std::string_view text, char separator) {
  std::vector<std::string> items(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c == separator && !quoted) {
      items.emplace_back();
    } else {
      items.back() += c;
    }
  }
  for (std::string& item : items) {
    const auto first = item.find_first_not_of(" \t\r\n");
    item = first == std::string::npos ? "" : item.substr(first, item.find_last_not_of(" \t\r\n") - first + 1);
  }
  return items;
}

}  // namespace luge
