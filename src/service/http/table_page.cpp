#include "service/http/table_page.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "model/table_record.h"

namespace luge {

namespace {

constexpr std::size_t kLongestSearch = 200;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains(const std::string& text, const std::string& part) {
  return std::ranges::search(text, part, [](char a, char b) { return lower(a) == lower(b); }).begin() != text.end();
}

bool matches(const StatusDocument::Table& table, const TablePageQuery& query) {
  if (!query.state.empty() && table.state != query.state) return false;
  return query.search.empty() || contains(table.schema + "." + table.name, query.search);
}

}  // namespace

Result<std::size_t> count_of(const std::map<std::string, std::string>& query, const std::string& name, std::size_t fallback, std::size_t most) {
  const auto found = query.find(name);
  if (found == query.end()) return fallback;
  const std::string& text = found->second;
  std::size_t count = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (problem != std::errc{} || end != text.data() + text.size() || count > most) {
    return fatal("usage", name + " is a whole number from 0 to " + std::to_string(most), {});
  }
  return count;
}

Result<TablePageQuery> TablePageQuery::parse(const std::map<std::string, std::string>& query) {
  TablePageQuery page;
  TRY(page.offset, count_of(query, "offset", 0, INT32_MAX));
  TRY(page.limit, count_of(query, "limit", page.limit, kMostLimit));
  if (const auto state = query.find("state"); state != query.end()) page.state = state->second;
  if (const auto search = query.find("search"); search != query.end()) page.search = search->second;
  if (!page.state.empty() && !parse_table_state(page.state)) return fatal("usage", "there is no such state of a table", {});
  if (page.search.size() > kLongestSearch) return fatal("usage", "search is too long", {});
  return page;
}

TablePage page_of(const StatusDocument& document, const TablePageQuery& query) {
  TablePage page;
  for (const StatusDocument::Table& table : document.tables) {
    if (!matches(table, query)) continue;
    if (page.total >= query.offset && page.tables.size() < query.limit) page.tables.push_back(&table);
    ++page.total;
  }
  return page;
}

}  // namespace luge
