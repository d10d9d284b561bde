#include "service/catalog/conninfo_text.h"

namespace luge {

std::string conninfo_text(const ConnectionOptions::Keywords& keywords) {
  std::string out;
  for (const auto& [keyword, value] : keywords) {
    out.append(out.empty() ? "" : " ").append(keyword).append("='");
    for (const char c : value) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += '\'';
  }
  return out;
}

}  // namespace luge
