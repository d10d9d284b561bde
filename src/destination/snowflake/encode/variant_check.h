#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace luge {

/// Where a JSON text comes from.
enum class JsonText : char {
  any,
  jsonb,  ///< PostgreSQL's output of a jsonb: JSON on one line, keys that differ, characters that exist, numbers without exponents
};

/// Whether a JSON text keeps all it says when Snowflake makes a VARIANT of it (docs.snowflake.com, PARSE_JSON, usage notes):
/// * A number without an exponent becomes a fixed-point number: it fits with at most 38 digits, 37 of them after the point.
/// * Any other number becomes a DOUBLE: it fits if the nearest double, written with as many digits, is that number again. All numbers of up
///   to 15 significant digits and a double's range do, and what any program wrote to tell a double from all others (17 digits at most).
/// * An object with one key twice is refused, or loses all but the last value. Keys are compared with their escapes resolved.
/// * A document that is `null` and nothing else stands in a row, and as an element in an ARRAY, as the SQL NULL does.
/// * Half of a surrogate pair alone ("\ud800") is no character.
/// What is not JSON fits neither, so a text that passes breaks no line of NDJSON once its line breaks, which stand between tokens only,
/// are blanks. Keeps its scratch memory; one thread.
class VariantCheck {
 public:
  /// nullptr, or why not: a static sentence. Of a jsonb only what it can be is looked for: a long number, and the null.
  const char* misfit(std::string_view json, JsonText from);

 private:
  struct Key {
    std::uint64_t hash = 0;
    const char* begin = nullptr;
    const char* end = nullptr;
  };
  /// An open object or array.
  struct Level {
    bool is_object = false;
    std::size_t first_key = 0;
  };

  const char* check_value();
  const char* check_string(bool is_key);
  const char* check_escape();
  const char* check_number();
  const char* check_word(std::string_view word);
  bool close_object();
  void skip_blanks();
  std::string_view unescape(const Key& key, std::string& into) const;

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  bool keep_keys_ = false;
  std::vector<Level> levels_;
  std::vector<Key> keys_;
  std::string name_;
  std::string other_name_;
};

}  // namespace luge
