#include "app/table_checks.h"

#include <map>
#include <set>

#include "model/table_schema.h"

namespace luge {

namespace {

/// ASCII only: that is how DuckDB compares identifiers.
std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string joined(const std::vector<std::string>& names, std::string_view separator) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : std::string(separator)) + name;
  return out;
}

Check collision(const std::vector<std::string>& tables) {
  Check check = problem("same_name", joined(tables, " and ") + " have the same name where case is ignored, as in DuckDB",
                        "leave all but one out, for example with --tables '*.*,!" + tables.back() + "', or rename them");
  check.tables = tables;
  return check;
}

void check_columns(const CatalogTable& table, std::vector<Check>& checks) {
  std::map<std::string, std::string> seen;
  for (const CatalogColumn& column : table.columns) {
    if (column.dropped) continue;
    const auto [other, fresh] = seen.emplace(folded(column.name), column.name);
    if (fresh) continue;
    Check check = problem("same_name",
                          to_string(table.name) + ": the columns \"" + other->second + "\" and \"" + column.name +
                              "\" have the same name where case is ignored, as in DuckDB",
                          "rename one, or leave the table out with --tables '*.*,!" + to_string(table.name) + "'");
    check.tables.push_back(to_string(table.name));
    checks.push_back(std::move(check));
  }
}

bool is_identity(TableFinding::Kind kind) { return kind == TableFinding::Kind::no_identity || kind == TableFinding::Kind::generated_identity; }

Check::Level level_of(TableFinding::Kind kind, const FindingPolicy& policy) {
  if (kind == TableFinding::Kind::not_logged || policy.tables == FindingPolicy::Tables::not_published) return Check::Level::note;
  if (!is_identity(kind)) return policy.first_start ? Check::Level::problem : Check::Level::warning;
  const bool decided = policy.allow_no_identity || policy.tables == FindingPolicy::Tables::published;
  return decided ? Check::Level::warning : Check::Level::decision;
}

std::string_view name_of(TableFinding::Kind kind) {
  switch (kind) {
    case TableFinding::Kind::no_identity: return "no_identity";
    case TableFinding::Kind::generated_identity: return "generated_identity";
    case TableFinding::Kind::not_logged: return "not_logged";
    case TableFinding::Kind::not_readable: return "not_readable";
    case TableFinding::Kind::row_security: return "row_security";
  }
  return "table";
}

}  // namespace

std::vector<Check> check_folding_names(const std::vector<CatalogTable>& tables, bool log_mode) {
  std::vector<Check> checks;
  std::map<std::string, std::vector<std::string>> by_name;
  for (const CatalogTable& table : tables) {
    // In one file `orders__log` may be a table's log or a table of that name; a mirror has no such second name.
    const std::string target = log_mode ? table.name.table + "__log" : table.name.table;
    by_name[folded(table.name.schema) + "." + folded(target)].push_back(to_string(table.name));
    check_columns(table, checks);
  }
  for (const auto& [name, names] : by_name) {
    if (names.size() > 1) checks.push_back(collision(names));
  }
  return checks;
}

std::vector<Check> check_findings(const std::vector<TableFinding>& findings, const FindingPolicy& policy) {
  std::vector<Check> checks;
  std::map<TableFinding::Kind, std::size_t> place;
  for (const TableFinding& finding : findings) {
    const auto [at, fresh] = place.emplace(finding.kind, checks.size());
    if (fresh) checks.push_back({std::string(name_of(finding.kind)), level_of(finding.kind, policy), {}, {}, {}});
    Check& check = checks[at->second];
    check.what += (check.what.empty() ? "" : "\n") + finding.what;
    if (!finding.fix.empty()) check.fix += (check.fix.empty() ? "" : "\n") + finding.fix;
    check.tables.push_back(to_string(finding.table));
  }
  for (Check& check : checks) {
    if (check.name != "no_identity" && check.name != "generated_identity") continue;
    if (check.level == Check::Level::decision) {
      check.fix += "\nor leave them out with --tables (such as '*.*,!" + check.tables.front() +
                   "'), or accept refused UPDATEs and DELETEs with --allow-no-identity";
    } else if (policy.tables == FindingPolicy::Tables::not_published) {
      check.what += "\nluge does not publish them until they have one";
    }
  }
  return checks;
}

}  // namespace luge
