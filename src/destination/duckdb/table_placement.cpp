#include "destination/duckdb/table_placement.h"

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

}  // namespace

Result<std::variant<TargetName, Quarantine>> TablePlacement::claim(DuckdbConnection& connection, RelationOid oid, const TableName& name) {
  using Answer = std::variant<TargetName, Quarantine>;
  const TargetName wanted{name.schema, log_mode_ ? name.table + "__log" : name.table};
  if (folded_name(wanted.schema) == "_luge") return Answer(refused("name_taken", "the schema _luge is luge's own", name));

  const MirrorTable* own = catalog_.find(oid);
  std::vector<MirrorTable> displaced;
  for (const auto& [other_oid, other] : catalog_.tables()) {
    if (other_oid == oid || !other.record.schema || !same_place(other.target, wanted)) continue;
    if (other.target != wanted) {
      return Answer(refused("names_fold",
                            "names fold together: " + to_string(name) + " and " + to_string(other.record.name) + " are one name in DuckDB", name));
    }
    displaced.push_back(other);
  }
  for (MirrorTable& other : displaced) {
    const TargetName aside{other.target.schema, other.target.table + "__" + std::to_string(other.record.oid)};
    log_event(LogLevel::warn, "table_displaced", "another table has its name now; its rows are kept under a name with its oid",
              {{"table", to_string(other.record.name)}, {"oid", other.record.oid}});
    CHECK_OK(move(connection, other.target, aside));
    other.target = aside;
    CHECK_OK(catalog_.save(connection, other));
  }
  if (own != nullptr && own->record.schema && same_place(own->target, wanted)) return Answer(wanted);

  TRY(auto others,
      connection.rows(
          "SELECT 1::VARCHAR FROM (SELECT schema_name, table_name AS name FROM duckdb_tables() WHERE database_name = current_catalog() UNION ALL "
          "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_catalog() AND NOT internal) WHERE lower(schema_name) = "
          "lower(" +
              duckdb_literal(wanted.schema) + ") AND lower(name) = lower(" + duckdb_literal(wanted.table) + ")",
          "looking for a free name"));
  if (!others.empty())
    return Answer(refused("name_taken", "the file holds a table or view named " + to_string(name) + " that luge did not make", name));
  return Answer(wanted);
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
