#include "destination/duckdb/table_placement.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "destination/duckdb/shape_change.h"

namespace luge {

namespace {

bool same_place(const TargetName& a, const TargetName& b) {
  return folded_name(a.schema) == folded_name(b.schema) && folded_name(a.table) == folded_name(b.table);
}

Quarantine refused(std::string code, std::string reason, const TableName& name) {
  Quarantine why;
  why.code = std::move(code);
  why.reason = std::move(reason);
  why.fix = "rename the table in the source, then " + resync_command(name);
  return why;
}

Result<bool> exists(DuckdbConnection& connection, const TargetName& place) {
  TRY(const auto found,
      connection.rows(
          "SELECT 1::VARCHAR FROM (SELECT schema_name, table_name AS name FROM duckdb_tables() WHERE database_name = current_catalog() UNION ALL "
          "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_catalog() AND NOT internal) WHERE lower(schema_name) = "
          "lower(" +
              duckdb_literal(place.schema) + ") AND lower(name) = lower(" + duckdb_literal(place.table) + ")",
          "looking for a free name"));
  return !found.empty();
}

/// A free place beside `place`.
Result<TargetName> aside(DuckdbConnection& connection, TargetName place, RelationOid oid) {
  for (;;) {
    place.table += "__" + std::to_string(oid);
    TRY(const bool taken, exists(connection, place));
    if (!taken) return place;
  }
}

}  // namespace

void TablePlacement::tell(RelationOid oid, const Position& at) {
  Position& known = told_[oid];
  known = std::max(known, at);
}

Position TablePlacement::told(RelationOid oid) const {
  const auto found = told_.find(oid);
  return found == told_.end() ? Position{} : found->second;
}

TargetName TablePlacement::home_of(const TableName& name) const { return {name.schema, log_mode_ ? name.table + "__log" : name.table}; }

Status TablePlacement::relocate(DuckdbConnection& connection, MirrorTable table, const TargetName& to) {
  CHECK_OK(move(connection, table.target, to));
  table.target = to;
  return catalog_.save(connection, std::move(table));
}

Result<std::variant<TargetName, Quarantine>> TablePlacement::claim(DuckdbConnection& connection, RelationOid oid, const TableName& name) {
  using Answer = std::variant<TargetName, Quarantine>;
  const TargetName wanted = home_of(name);
  if (folded_name(wanted.schema) == "_luge") return Answer(refused("name_taken", "the schema _luge is luge's own", name));

  const MirrorTable* own = catalog_.find(oid);
  const bool stands = own != nullptr && own->record.schema != nullptr;
  std::vector<MirrorTable> displaced;
  for (const auto& [other_oid, other] : catalog_.tables()) {
    if (other_oid == oid || !other.record.schema || !same_place(other.target, wanted)) continue;
    if (told(other_oid) > told(oid)) {
      if (stands) return Answer(own->target);
      TRY(TargetName place, aside(connection, wanted, oid));
      return Answer(std::move(place));
    }
    if (other.target != wanted) {
      return Answer(refused("names_fold",
                            "names fold together: " + to_string(name) + " and " + to_string(other.record.name) + " are one name in DuckDB", name));
    }
    displaced.push_back(other);
  }
  for (MirrorTable& other : displaced) {
    log_event(LogLevel::warn, "table_displaced", "another table has its name now; its rows are kept under a name with its oid",
              {{"table", to_string(other.record.name)}, {"oid", other.record.oid}});
    TRY(const TargetName to, aside(connection, wanted, other.record.oid));
    CHECK_OK(relocate(connection, std::move(other), to));
  }
  if (stands && same_place(own->target, wanted)) return Answer(wanted);

  TRY(const bool taken, exists(connection, wanted));
  if (taken) return Answer(refused("name_taken", "the file holds a table or view named " + to_string(name) + " that luge did not make", name));
  return Answer(wanted);
}

Status TablePlacement::give_back(DuckdbConnection& connection, const TargetName& place) {
  const MirrorTable* owner = nullptr;
  for (const auto& [oid, table] : catalog_.tables()) {
    if (!table.record.schema || table.record.state == TableState::dropped) continue;
    if (same_place(table.target, place)) return ok();  // taken again
    if (home_of(table.record.name) != place) continue;
    if (owner != nullptr) return ok();  // one of them has another name by now, and will tell
    owner = &table;
  }
  if (owner == nullptr) return ok();
  log_event(LogLevel::info, "table_returned", "the table that had taken its name has another one now",
            {{"table", to_string(owner->record.name)}, {"oid", owner->record.oid}});
  return relocate(connection, *owner, place);
}

Status TablePlacement::move(DuckdbConnection& connection, const TargetName& from, const TargetName& to) {
  if (from == to) return ok();
  const DuckdbDatabase& database = connection.database();
  const std::string doing = "renaming a table to " + to_string(TableName{to.schema, to.table});
  if (from.schema != to.schema && folded_name(from.schema) != folded_name(to.schema)) {
    CHECK_OK(connection.execute("CREATE SCHEMA IF NOT EXISTS " + duckdb_identifier(database.catalog()) + "." + duckdb_identifier(to.schema), doing));
    CHECK_OK(connection.execute("CREATE TABLE " + database.qualified(to) + " AS SELECT * FROM " + database.qualified(from), doing));
    CHECK_OK(connection.execute("DROP TABLE " + database.qualified(from), doing));
    return ok();
  }
  std::string current = from.table;
  if (from.table != to.table && folded_name(from.table) == folded_name(to.table)) {  // only the case changes: DuckDB sees the name as taken
    current = "_luge_renamed_" + from.table;
    CHECK_OK(connection.execute("ALTER TABLE " + database.qualified(from) + " RENAME TO " + duckdb_identifier(current), doing));
  }
  if (current != to.table) {
    CHECK_OK(connection.execute("ALTER TABLE " + database.qualified(from.schema, current) + " RENAME TO " + duckdb_identifier(to.table), doing));
  }
  return ok();
}

}  // namespace luge
