#include "app/verify/left_out.h"

#include <algorithm>

#include "postgres/sql_quoting.h"

namespace luge {

namespace {

TableComparison not_compared(const TableName& name, std::string why) {
  TableComparison table;
  table.name = name;
  table.note = std::move(why);
  return table;
}

std::string add_command(const std::string& publication, const TableName& name) {
  return "ALTER PUBLICATION " + quote_identifier(publication) + " ADD TABLE " + quote_qualified(name.schema, name.table) + ";";
}

/// What is to be done about a table that is not in the publication.
std::string ways_out(const ListedTable& table, const std::string& publication, const std::map<RelationOid, TableFinding>& obstacles) {
  const auto obstacle = obstacles.find(table.oid);
  const std::string first = obstacle == obstacles.end() ? "" : obstacle->second.what + ". First: " + obstacle->second.fix + " Then: ";
  return first + add_command(publication, table.name) + " Or leave it out with --tables";
}

std::string why_given_up(const ListedTable* source, const VerifyScope& scope, const std::map<RelationOid, TableFinding>& obstacles) {
  if (source == nullptr) return "its state is dropped, and the source has no such table any more: the mirror keeps the rows it had";
  if (!scope.selected(source->name)) return "its state is dropped: --tables does not select it, so the mirror keeps the rows it had";
  if (source->published) return "its state is dropped: it was not followed for a while. It is selected and published, and luge run copies it again";
  return "its state is dropped: it is not in the publication " + scope.publication +
         " any more, so the mirror keeps the rows it had then. To follow it again: " + ways_out(*source, scope.publication, obstacles);
}

std::string why_unknown(const ListedTable& table, const VerifyScope& scope, const std::map<RelationOid, TableFinding>& obstacles) {
  if (table.published) return "it is selected, and luge has not taken it in yet: verify again when luge run has copied it";
  return "it is selected, but not in the publication " + scope.publication +
         ", so the mirror does not have it. To follow it: " + ways_out(table, scope.publication, obstacles);
}

}  // namespace

bool VerifyScope::covers(const TableName& name) const { return named.empty() || std::ranges::find(named, name) != named.end(); }

std::vector<TableComparison> left_out_tables(const std::vector<ListedTable>& source, const std::vector<TableOfMirror>& mirror,
                                             const VerifyScope& scope, const std::map<RelationOid, TableFinding>& obstacles) {
  std::vector<TableComparison> left_out;
  for (const TableOfMirror& table : mirror) {
    if (table.state != TableState::dropped) continue;
    const auto found = std::ranges::find(source, table.oid, &ListedTable::oid);
    const ListedTable* const at_source = found == source.end() ? nullptr : &*found;
    const TableName& name = at_source != nullptr ? at_source->name : table.name;
    // A newer table may have the name by now: then that one is meant.
    const bool replaced = at_source == nullptr && std::ranges::find(source, name, &ListedTable::name) != source.end();
    const bool asked = !scope.named.empty() && !replaced && (scope.covers(name) || scope.covers(table.name));
    const bool missed = scope.named.empty() && at_source != nullptr && scope.selected(name);
    if (asked || missed) left_out.push_back(not_compared(name, why_given_up(at_source, scope, obstacles)));
  }
  for (const ListedTable& table : source) {
    if (!scope.selected(table.name) || !scope.covers(table.name)) continue;
    const bool known = std::ranges::any_of(mirror, [&](const TableOfMirror& one) { return one.oid == table.oid; });
    if (!known) left_out.push_back(not_compared(table.name, why_unknown(table, scope, obstacles)));
  }
  return left_out;
}

}  // namespace luge
