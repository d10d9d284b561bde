#include "pipeline/retyped_tables.h"

#include <algorithm>

#include "model/type_mapping.h"

namespace luge {

namespace {

constexpr std::size_t kColumnsNamed = 5;

/// Other reasons than the rules, such as a mapping of another version of luge, are none of ours.
bool retyped(const ColumnSchema& column, const ColumnOptions& now) {
  if (!column.type || column.value == map_type(*column.type, column.typmod, now)) return false;
  return column.value == map_type(*column.type, column.typmod, ColumnOptions{!now.as_text});
}

}  // namespace

std::vector<RetypedTable> find_retyped(const std::vector<TableRecord>& tables, const ColumnOptionsLookup& columns) {
  std::vector<RetypedTable> found;
  for (const TableRecord& table : tables) {
    if (!table.schema || (table.state != TableState::live && table.state != TableState::catching_up)) continue;
    RetypedTable one{table.oid, table.name, {}};
    for (const ColumnSchema& column : table.schema->columns) {
      const ColumnOptions now = column.type ? columns(table.name, column.name, *column.type) : ColumnOptions{};
      if (!retyped(column, now)) continue;
      one.columns.push_back(column.name + " (" + to_string(column.value) + ", now " + to_string(map_type(*column.type, column.typmod, now)) + ")");
    }
    if (!one.columns.empty()) found.push_back(std::move(one));
  }
  return found;
}

Error retyped_error(const std::vector<RetypedTable>& tables) {
  std::string names;
  std::size_t named = 0;
  std::size_t left = 0;
  for (const RetypedTable& table : tables) {
    for (const std::string& column : table.columns) {
      if (named == kColumnsNamed) {
        ++left;
        continue;
      }
      names += (named++ == 0 ? "" : ", ") + to_string(table.name) + " " + column;
    }
  }
  if (left > 0) names += " and " + std::to_string(left) + " more";
  return needs_operator(
      "retype", "the rules under `columns` are not those the mirror was copied with, and would change types: " + names + ". Nothing was changed",
      "give the --config with the rules as they were, or copy these tables again under the new ones: luge run … --on-retype resync "
      "(the mirror stays readable meanwhile)");
}

}  // namespace luge
