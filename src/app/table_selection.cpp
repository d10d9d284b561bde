#include "app/table_selection.h"

#include <algorithm>

#include "app/usage_error.h"

namespace luge {

bool is_system_schema(std::string_view schema) { return schema.starts_with("pg_") || schema == "information_schema" || schema == "_luge"; }

Result<TableSelection> TableSelection::parse(std::string_view text) {
  TableSelection selection;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return selection;
  for (const std::string& item : split_outside_quotes(text, ',')) {
    const bool exclusion = item.starts_with('!');
    const std::string pattern = exclusion ? item.substr(1) : item;
    auto parts = parse_name_patterns(pattern);
    if (parts && parts->size() == 1) parts->insert(parts->begin(), parse_name_patterns("public")->front());
    if (!parts || parts->size() != 2) {
      return usage_error("--tables: '" + item + "' is not a pattern",
                         "write schema.table, for example 'public.*,!public.audit_*' or public.\"Order Items\"");
    }
    (exclusion ? selection.excluded_ : selection.taken_).push_back({pattern, std::move((*parts)[0]), std::move((*parts)[1])});
  }
  return selection;
}

bool TableSelection::includes(const TableName& name) const {
  const auto matches = [&](const Pattern& pattern) { return pattern.matches(name); };
  if (is_system_schema(name.schema)) return false;
  if (std::ranges::any_of(excluded_, matches)) return false;
  return taken_.empty() || std::ranges::any_of(taken_, matches);
}

std::vector<std::string> TableSelection::exact_names() const {
  std::vector<std::string> names;
  for (const Pattern& pattern : taken_) {
    if (pattern.schema.exact() && pattern.table.exact()) names.push_back(pattern.text);
  }
  return names;
}

}  // namespace luge
