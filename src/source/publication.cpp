#include "source/publication.h"

#include <algorithm>

#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"

namespace luge {

namespace {

constexpr std::string_view kMadeByLuge = "made by luge";

std::string table_list(const std::vector<TableName>& tables) {
  std::string list;
  for (const TableName& table : tables) {
    if (!list.empty()) list += ", ";
    list += quote_qualified(table.schema, table.table);
  }
  return list;
}

/// What a role lacks, in the words of the owner's psql. The server says "permission denied" or "must be owner" for all of them.
Error explain(Connection& sql, Error error, std::string_view name, const std::vector<TableName>& tables) {
  if (error.code == sqlstate::kDuplicateObject) {
    error.hint = "a publication or member of that name exists already: name another --pipeline, or DROP PUBLICATION " + quote_identifier(name);
  }
  if (error.code != sqlstate::kInsufficientPrivilege) return error;
  auto user = sql.query("SELECT quote_ident(current_user), quote_ident(current_database()), has_database_privilege(current_database(), 'CREATE')");
  if (!user) return error;
  std::string remedy;
  if (!user->boolean(0, 2)) remedy += "GRANT CREATE ON DATABASE " + user->string(0, 1) + " TO " + user->string(0, 0) + "; ";
  std::string owners;
  for (const TableName& table : tables) {
    auto row = sql.query("SELECT quote_ident(pg_get_userbyid(relowner)), pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(" +
                         quote_literal(quote_qualified(table.schema, table.table)) + ")");
    if (!row || row->rows() == 0 || row->boolean(0, 1)) continue;
    const std::string grant = "GRANT " + row->string(0, 0) + " TO " + user->string(0, 0) + "; ";
    if (owners.find(grant) == std::string::npos) owners += grant;
  }
  error.hint = "a publication's tables must belong to its creator. Let their owner or a superuser run: CREATE PUBLICATION " + quote_identifier(name) +
               " FOR TABLE " + (tables.empty() ? "…" : table_list(tables)) + " WITH (publish_via_partition_root = true);";
  if (!(remedy + owners).empty()) error.hint += " or: " + remedy + owners;
  return error;
}

/// A partition that is a member itself goes, and its root comes: first, so that no change is lost in between.
std::string replace_partitions(const std::string& quoted, const PublicationFacts& facts) {
  std::string fix;
  if (!facts.via_partition_root) fix = "ALTER PUBLICATION " + quoted + " SET (publish_via_partition_root = true);";
  std::vector<TableName> roots;
  std::vector<TableName> members;
  for (const auto& partition : facts.partitions) {
    if (!partition.member && !facts.via_partition_root) continue;  // its root is published, but not in its name
    if (std::find(roots.begin(), roots.end(), partition.root) == roots.end()) roots.push_back(partition.root);
    if (partition.member) members.push_back(partition.name);
  }
  if (!roots.empty()) fix += (fix.empty() ? "" : " ") + ("ALTER PUBLICATION " + quoted) + " ADD TABLE " + table_list(roots) + ";";
  if (!members.empty()) fix += " ALTER PUBLICATION " + quoted + " DROP TABLE " + table_list(members) + ";";
  return fix;
}

}  // namespace

std::string made_by_luge(std::string_view publication) {
  return "coalesce(starts_with(pg_catalog.obj_description(" + std::string(publication) + ", 'pg_publication'), " + quote_literal(kMadeByLuge) +
         "), false)";
}

Result<std::optional<PublicationFacts>> read_publication(Connection& sql, std::string_view name) {
  const bool has_schemas = sql.server_version() >= 150000;
  TRY(const QueryResult row,
      sql.query("SELECT oid, puballtables, " +
                std::string(has_schemas ? "EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid)" : "false") +
                ", pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, pg_get_userbyid(pubowner), pg_has_role(pubowner, 'USAGE'), " +
                made_by_luge("p.oid") + " FROM pg_publication p WHERE pubname = " + quote_literal(name)));
  if (row.rows() == 0) return std::optional<PublicationFacts>{};
  PublicationFacts facts;
  facts.oid = row.number<Oid>(0, 0);
  facts.all_tables = row.boolean(0, 1);
  facts.schemas = row.boolean(0, 2);
  facts.inserts = row.boolean(0, 3);
  facts.updates = row.boolean(0, 4);
  facts.deletes = row.boolean(0, 5);
  facts.truncates = row.boolean(0, 6);
  facts.via_partition_root = row.boolean(0, 7);
  facts.owner = row.string(0, 8);
  facts.owned = row.boolean(0, 9);
  facts.made_by_luge = row.boolean(0, 10);
  TRY(const QueryResult partitions,
      sql.query("SELECT s.nspname, c.relname, rs.nspname, r.relname, m.oid IS NOT NULL AND rm.oid IS NULL FROM pg_publication_tables t "
                "JOIN pg_namespace s ON s.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = s.oid AND c.relname = t.tablename "
                "JOIN pg_class r ON r.oid = pg_partition_root(c.oid) JOIN pg_namespace rs ON rs.oid = r.relnamespace "
                "LEFT JOIN pg_publication_rel m ON m.prpubid = " +
                std::to_string(facts.oid) + " AND m.prrelid = c.oid LEFT JOIN pg_publication_rel rm ON rm.prpubid = " + std::to_string(facts.oid) +
                " AND rm.prrelid = r.oid WHERE c.relispartition AND t.pubname = " + quote_literal(name) + " ORDER BY 5 DESC, 3, 4, 1, 2 LIMIT 20"));
  for (std::size_t i = 0; i < partitions.rows(); ++i) {
    facts.partitions.push_back(
        {{partitions.string(i, 0), partitions.string(i, 1)}, {partitions.string(i, 2), partitions.string(i, 3)}, partitions.boolean(i, 4)});
  }
  return std::optional<PublicationFacts>(std::move(facts));
}

Status create_publication(Connection& sql, std::string_view name, const std::vector<TableName>& tables) {
  std::string command = "CREATE PUBLICATION " + quote_identifier(name);
  if (!tables.empty()) command += " FOR TABLE " + table_list(tables);
  command += " WITH (publish_via_partition_root = true); COMMENT ON PUBLICATION " + quote_identifier(name) + " IS " +
             quote_literal(std::string(kMadeByLuge) + ", which adds tables to it and drops it with `luge drop`");
  Status created = sql.exec(command);  // several statements at once are one transaction
  if (!created) return explain(sql, std::move(created).error(), name, tables);
  return ok();
}

Status add_to_publication(Connection& sql, std::string_view name, const std::vector<TableName>& tables) {
  if (tables.empty()) return ok();
  Status altered = sql.exec("ALTER PUBLICATION " + quote_identifier(name) + " ADD TABLE " + table_list(tables));
  if (!altered) return explain(sql, std::move(altered).error(), name, tables);
  return ok();
}

Result<bool> drop_publication(Connection& sql, std::string_view name) {
  TRY(const std::optional<PublicationFacts> facts, read_publication(sql, name));
  if (!facts) return false;
  CHECK_OK(sql.exec("DROP PUBLICATION IF EXISTS " + quote_identifier(name)));
  return true;
}

Status check_adoptable(std::string_view name, const PublicationFacts& facts) {
  const std::string quoted = quote_identifier(name);
  if (!facts.inserts || !facts.updates || !facts.deletes || !facts.truncates) {
    return fatal("publication", "the publication " + quoted + " leaves out some kinds of changes, so a copy of its tables could not stay equal",
                 "ALTER PUBLICATION " + quoted + " SET (publish = 'insert, update, delete, truncate');");
  }
  if (!facts.partitions.empty()) {
    const auto& first = facts.partitions.front();
    return fatal("publication",
                 "the publication " + quoted + " publishes partitions, such as " + to_string(first.name) +
                     ", under their own names instead of that of " + to_string(first.root),
                 replace_partitions(quoted, facts));
  }
  return ok();
}

}  // namespace luge
