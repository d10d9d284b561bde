#include "destination/duckdb/shape_change.h"

#include <algorithm>
#include <set>

#include "destination/duckdb/column_type.h"
#include "destination/duckdb/sql_text.h"

namespace luge {

namespace {

const ColumnSchema* find_column(const TableSchema& schema, std::int16_t attnum) {
  const auto found = std::find_if(schema.columns.begin(), schema.columns.end(), [&](const ColumnSchema& column) { return column.attnum == attnum; });
  return found == schema.columns.end() ? nullptr : &*found;
}

std::string rename(const std::string& from, const std::string& to) {
  return "RENAME COLUMN " + duckdb_identifier(from) + " TO " + duckdb_identifier(to);
}

std::string temporary_name(const ColumnSchema& column) { return "_luge_renamed_" + std::to_string(column.attnum); }
std::string dropped_name(const ColumnSchema& column) { return column.name + "__dropped_" + std::to_string(column.attnum); }

std::string retyped_name(const ColumnSchema& column, Attempt copy) { return column.name + "__retyped_" + std::to_string(copy); }

std::string type_name(const ColumnSchema& column) { return column.type ? column.type->name : to_string(column.value); }

}  // namespace

ShapePlan plan_shape_change(const TableSchema& from, const TableSchema& to, bool log, std::optional<Attempt> anew) {
  ShapePlan plan;
  std::vector<std::string> additions;
  std::vector<std::string> renames_to_final;
  std::vector<std::string> drops;
  std::vector<std::string> retypes;
  std::set<std::string> wanted;  // names that new and renamed columns take
  for (const ColumnSchema& column : to.columns) {
    const ColumnSchema* before = find_column(from, column.attnum);
    if (before == nullptr || before->name != column.name) wanted.insert(folded_name(column.name));
  }
  for (const ColumnSchema& before : from.columns) {
    const ColumnSchema* after = find_column(to, before.attnum);
    const bool in_the_way = wanted.count(folded_name(before.name)) > 0;
    if (after == nullptr) {
      if (log) {
        plan.actions.push_back(rename(before.name, dropped_name(before)));
      } else if (in_the_way) {
        plan.actions.push_back(rename(before.name, temporary_name(before)));
        drops.push_back("DROP COLUMN " + duckdb_identifier(temporary_name(before)));
      } else {
        drops.push_back("DROP COLUMN " + duckdb_identifier(before.name));
      }
      continue;
    }
    if (log && anew && !widens(before.value, after->value)) {
      plan.actions.push_back(rename(before.name, retyped_name(before, *anew)));
      additions.push_back("ADD COLUMN " + duckdb_identifier(after->name) + " " + duckdb_type_name(after->value));
      continue;
    }
    if (before.name != after->name) {
      plan.actions.push_back(rename(before.name, temporary_name(before)));
      renames_to_final.push_back(rename(temporary_name(before), after->name));
    }
    if (before.value == after->value) continue;
    if (!widens(before.value, after->value)) {
      Quarantine refused;
      refused.code = "retyped";
      refused.reason = "column " + after->name + " changed from " + to_string(before.value) + " to " + to_string(after->value) +
                       ", which cannot be done to the rows that are here";
      refused.column = after->name;
      refused.type = type_name(*after);
      refused.fix = resync_command(to.name);
      return {{}, std::move(refused)};
    }
    retypes.push_back("ALTER COLUMN " + duckdb_identifier(after->name) + " SET DATA TYPE " + duckdb_type_name(after->value));
  }
  plan.actions.insert(plan.actions.end(), renames_to_final.begin(), renames_to_final.end());
  plan.actions.insert(plan.actions.end(), additions.begin(), additions.end());
  for (const ColumnSchema& column : to.columns) {
    if (find_column(from, column.attnum) != nullptr) continue;
    const std::string name = duckdb_identifier(column.name);
    std::string add = "ADD COLUMN " + name + " " + duckdb_type_name(column.value);
    const bool has_value = column.missing_value && column.missing_value->length > 0 && !column.missing_value->is_null(0);
    if (has_value) add += " DEFAULT " + duckdb_constant(*column.missing_value, 0);
    plan.actions.push_back(std::move(add));
    if (has_value) plan.actions.push_back("ALTER COLUMN " + name + " DROP DEFAULT");
  }
  plan.actions.insert(plan.actions.end(), retypes.begin(), retypes.end());
  plan.actions.insert(plan.actions.end(), drops.begin(), drops.end());  // last: DuckDB keeps at least one column
  return plan;
}

std::optional<Quarantine> unfit_shape(const TableSchema& schema, bool log) {
  Quarantine why;
  if (schema.columns.empty()) {
    why.code = "no_columns";
    why.reason = "DuckDB has no tables without columns";
    why.fix = "add a column, then " + resync_command(schema.name);
    return why;
  }
  std::set<std::string> names;
  if (log) names = {"_luge_op", "_luge_epoch", "_luge_lsn", "_luge_ordinal", "_luge_xid", "_luge_commit_time", "_luge_present"};
  for (const ColumnSchema& column : schema.columns) {
    if (names.insert(folded_name(column.name)).second) continue;
    why.code = "names_fold";
    why.reason = "names fold together: DuckDB takes column " + column.name + " for another one, since it compares names without regard to case";
    why.column = column.name;
    why.type = type_name(column);
    why.fix = "rename the column in the source, then " + resync_command(schema.name);
    return why;
  }
  if (!log && schema.keyless() && names.count("rowid") > 0) {
    why.code = "names_fold";
    why.reason = "a table without a key cannot have a column named rowid in DuckDB, whose own row id luge needs to delete one of several equal rows";
    why.column = "rowid";
    why.fix = "add a primary key or rename the column, then " + resync_command(schema.name);
    return why;
  }
  return std::nullopt;
}

}  // namespace luge
