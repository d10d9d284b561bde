#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luge {

/// One part of a pattern such as public.audit_*: * is any text, ? any one character. Outside of double quotes letters fold to lower
/// case, as PostgreSQL folds identifiers; inside of them everything stands for itself, * and ? too, and "" is one quote.
class NamePattern {
 public:
  bool matches(std::string_view name) const;
  /// True: no wildcard; it can match one name only.
  bool exact() const;

 private:
  friend class NamePatternReader;
  struct Piece {
    enum class Kind : char { literal, any_text, any_character };
    Kind kind = Kind::literal;
    char character = 0;
  };
  std::vector<Piece> pieces_;
};

/// Splits "schema.table" or "schema.table.column" at the dots outside of quotes. nullopt: an unclosed quote or an empty part.
std::optional<std::vector<NamePattern>> parse_name_patterns(std::string_view text);

/// Splits a list at `separator` outside of quotes and trims blanks around the items. Empty items are kept.
std::vector<std::string> split_outside_quotes(std::string_view text, char separator);

}  // namespace luge
