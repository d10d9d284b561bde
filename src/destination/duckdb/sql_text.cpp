#include "destination/duckdb/sql_text.h"

namespace luge {

namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

}  // namespace

std::string duckdb_identifier(std::string_view name) { return quoted(name, '"'); }

std::string duckdb_literal(std::string_view text) { return quoted(text, '\''); }

std::string folded_name(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace luge
