#include "postgres/service_file.h"

namespace luge {

namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::optional<std::map<std::string, std::string>> parse_service_file(std::string_view content, std::string_view service) {
  std::optional<std::map<std::string, std::string>> values;
  bool inside = false;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = trim(content.substr(0, end));
    content = end == std::string_view::npos ? std::string_view{} : content.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') {
      if (inside) break;  // libpq too reads only the first section of a name
      inside = line.back() == ']' && line.substr(1, line.size() - 2) == service;
      if (inside) values.emplace();
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || equals == std::string_view::npos) continue;
    values->emplace(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
  }
  return values;
}

}  // namespace luge
