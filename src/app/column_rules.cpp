#include "app/column_rules.h"

#include "app/usage_error.h"

namespace luge {

namespace {

constexpr std::string_view kTypePrefix = "type:";

/// A domain answers to its own name and to those of the types it is over.
bool type_matches(const NamePattern& pattern, const PgType& type) {
  for (const PgType* step = &type; step != nullptr; step = step->base.get()) {
    if (pattern.matches(step->name)) return true;
  }
  return false;
}

}  // namespace

Status ColumnRules::add(std::string_view key, ColumnOptions options) {
  Rule rule{std::string(key), {}, std::nullopt, options};
  const bool by_type = key.starts_with(kTypePrefix);
  std::string_view pattern = by_type ? key.substr(kTypePrefix.size()) : key;
  while (!pattern.empty() && pattern.front() == ' ') pattern.remove_prefix(1);
  auto parts = parse_name_patterns(pattern);
  if (!parts || parts->size() != (by_type ? 1U : 3U)) {
    return usage_error("columns: '" + std::string(key) + "' names no column", "write \"schema.table.column\" (globs allowed) or \"type: numeric\"");
  }
  if (by_type) {
    rule.type = std::move(parts->front());
  } else {
    rule.names = std::move(*parts);
  }
  rules_.push_back(std::move(rule));
  return ok();
}

ColumnOptions ColumnRules::lookup(const TableName& table, const std::string& column, const PgType& type) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    const bool matches = rule->type ? type_matches(*rule->type, type)
                                    : rule->names[0].matches(table.schema) && rule->names[1].matches(table.table) && rule->names[2].matches(column);
    if (matches) return rule->options;
  }
  return {};
}

std::string ColumnRules::fingerprint() const {
  std::string text;
  for (const Rule& rule : rules_) text += rule.key + (rule.options.as_text ? "=text;" : "=default;");
  return text;
}

}  // namespace luge
