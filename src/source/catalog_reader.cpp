#include "source/catalog_reader.h"

#include <algorithm>
#include <unordered_map>

#include "postgres/sql_quoting.h"
#include "source/catalog_sql.h"
#include "source/publishable.h"

namespace luge {

namespace {

using TablesByOid = std::unordered_map<RelationOid, CatalogTable*>;
using TypesByOid = std::unordered_map<Oid, std::shared_ptr<PgType>>;

CatalogTable* find(const TablesByOid& tables, RelationOid oid) {
  const auto found = tables.find(oid);
  return found == tables.end() ? nullptr : found->second;
}

std::vector<CatalogTable> tables_of(const QueryResult& rows) {
  std::vector<CatalogTable> tables;
  tables.reserve(rows.rows());
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    CatalogTable table;
    table.oid = rows.number<RelationOid>(row, 0);
    table.name = {rows.string(row, 1), rows.string(row, 2)};
    table.kind = rows.text(row, 3).front();
    table.identity = static_cast<ReplicaIdentity>(rows.text(row, 4).front());
    table.file_node = rows.number<std::uint32_t>(row, 5);
    table.pages = rows.number<std::uint64_t>(row, 6);
    table.estimated_rows = rows.is_null(row, 7) ? -1 : rows.number<double>(row, 7);
    table.row_security = rows.boolean(row, 8);
    table.published = rows.boolean(row, 9);
    table.row_filter = rows.optional_string(row, 10);
    tables.push_back(std::move(table));
  }
  return tables;
}

TypesByOid types_of(const QueryResult& rows) {
  TypesByOid types;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    auto type = std::make_shared<PgType>();
    type->oid = rows.number<Oid>(row, 0);
    type->schema = rows.string(row, 1);
    type->name = rows.string(row, 2);
    type->kind = rows.text(row, 3).front();
    type->delimiter = rows.text(row, 4).front();
    type->has_send = rows.boolean(row, 5);
    type->is_array = rows.boolean(row, 6);
    type->domain_typmod = rows.number<std::int32_t>(row, 7);
    types.emplace(type->oid, std::move(type));
  }
  for (std::size_t row = 0; row < rows.rows(); ++row) {  // links last: the server names types in any order
    PgType& type = *types.at(rows.number<Oid>(row, 0));
    if (const auto base = types.find(rows.number<Oid>(row, 8)); base != types.end()) type.base = base->second;
    if (const auto element = types.find(rows.number<Oid>(row, 9)); element != types.end()) type.element = element->second;
  }
  return types;
}

/// False: a column's type was created after the types were read.
bool add_columns(const QueryResult& rows, const TypesByOid& types, const TablesByOid& tables) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    CatalogTable* table = find(tables, rows.number<RelationOid>(row, 0));
    if (table == nullptr) continue;
    CatalogColumn column;
    column.attnum = rows.number<std::int16_t>(row, 1);
    column.name = rows.string(row, 2);
    column.dropped = rows.boolean(row, 3);
    column.typmod = rows.number<std::int32_t>(row, 5);
    column.not_null = rows.boolean(row, 6);
    column.generated = rows.boolean(row, 7);
    column.missing_text = rows.optional_string(row, 8);
    if (!column.dropped) {
      const auto type = types.find(rows.number<Oid>(row, 4));
      if (type == types.end()) return false;
      column.type = type->second;
    }
    table->columns.push_back(std::move(column));
  }
  return true;
}

void add_keys(const QueryResult& rows, const TablesByOid& tables) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    CatalogTable* table = find(tables, rows.number<RelationOid>(row, 0));
    if (table == nullptr) continue;
    const auto attnum = rows.number<std::int16_t>(row, 3);
    if (rows.boolean(row, 1)) table->primary_key.push_back(attnum);
    if (rows.boolean(row, 2) && table->identity == ReplicaIdentity::index) table->identity_index.push_back(attnum);
  }
}

void add_odd_leaves(const QueryResult& rows, const TablesByOid& tables) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    CatalogTable* table = find(tables, rows.number<RelationOid>(row, 0));
    if (table == nullptr) continue;
    const TableName name{rows.string(row, 1), rows.string(row, 2)};
    auto& leaves = table->odd_leaves;
    if (leaves.empty() || leaves.back().name != name) leaves.push_back({name, static_cast<ReplicaIdentity>(rows.text(row, 3).front()), {}, {}});
    if (rows.is_null(row, 4)) continue;
    leaves.back().identity_columns.push_back(rows.string(row, 4));
    if (rows.boolean(row, 5)) leaves.back().generated_column = rows.string(row, 4);
  }
}

void add_membership_facts(const QueryResult& rows, const TablesByOid& tables) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    CatalogTable* table = find(tables, rows.number<RelationOid>(row, 0));
    if (table == nullptr) continue;
    table->published = rows.boolean(row, 1);
    table->row_filter = rows.optional_string(row, 2);
  }
}

void add_published_columns(const QueryResult& rows, const TablesByOid& tables) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (CatalogTable* table = find(tables, rows.number<RelationOid>(row, 0))) table->published_columns.push_back(rows.string(row, 1));
  }
}

std::string qualified(const TableName& name) { return quote_qualified(name.schema, name.table); }

}  // namespace

std::string oid_list(std::span<const RelationOid> oids) {
  std::string list;
  for (RelationOid oid : oids) list += (list.empty() ? "" : ",") + std::to_string(oid);
  return list;
}

Result<std::vector<CatalogTable>> CatalogReader::read(const std::string& oids, std::span<const Oid> types) {
  constexpr int kAttempts = 3;  // without a transaction of the caller each statement has its own snapshot: DDL may fall between two
  for (int attempt = 1;; ++attempt) {
    TRY(const QueryResult table_rows, sql_.query(catalog_sql::tables(oids, publication_, sql_.server_version())));
    std::vector<CatalogTable> tables = tables_of(table_rows);
    if (tables.empty()) return tables;
    TablesByOid by_oid;
    std::vector<RelationOid> found;
    for (CatalogTable& table : tables) {
      by_oid.emplace(table.oid, &table);
      found.push_back(table.oid);
    }
    const std::string only = oids.empty() ? std::string{} : oid_list(found);
    if (std::any_of(tables.begin(), tables.end(), [](const CatalogTable& table) { return table.kind == 'p'; })) {
      TRY(const QueryResult leaves, sql_.query(catalog_sql::odd_leaves(only)));
      add_odd_leaves(leaves, by_oid);
    }
    TRY(const QueryResult columns, sql_.query(catalog_sql::columns(only)));
    TRY(const QueryResult type_rows, sql_.query(catalog_sql::types(only, oid_list(types))));
    TRY(const QueryResult keys, sql_.query(catalog_sql::key_columns(only)));
    TRY(const QueryResult published, sql_.query(catalog_sql::published_columns(only, publication_, sql_.server_version())));
    const TypesByOid known = types_of(type_rows);
    if (add_columns(columns, known, by_oid)) {
      for (Oid oid : types) {
        const auto type = known.find(oid);
        if (type != known.end()) tables.front().types.push_back(type->second);
      }
      add_keys(keys, by_oid);
      add_published_columns(published, by_oid);
      return tables;
    }
    if (attempt == kAttempts) return make_error(Recovery::retry, "catalog_moved", "the catalog changed while it was read");
  }
}

Result<std::vector<ListedTable>> CatalogReader::list_names() {
  TRY(const QueryResult rows, sql_.query(catalog_sql::names(publication_, sql_.server_version())));
  std::vector<ListedTable> tables;
  tables.reserve(rows.rows());
  for (std::size_t row = 0; row < rows.rows(); ++row)
    tables.push_back({rows.number<RelationOid>(row, 0), {rows.string(row, 1), rows.string(row, 2)}, rows.boolean(row, 3)});
  return tables;
}

Result<std::vector<CatalogTable>> CatalogReader::list_tables() {
  TRY(std::vector<CatalogTable> tables, read("", {}));
  TRY(const QueryResult sizes, sql_.query(catalog_sql::sizes()));
  std::unordered_map<RelationOid, std::uint64_t> blocks;
  for (std::size_t row = 0; row < sizes.rows(); ++row) blocks.emplace(sizes.number<RelationOid>(row, 0), sizes.number<std::uint64_t>(row, 1));
  for (CatalogTable& table : tables) {
    if (const auto found = blocks.find(table.oid); found != blocks.end()) table.pages = found->second;
  }
  return tables;
}

Result<std::vector<CatalogTable>> CatalogReader::describe_tables(std::span<const RelationOid> oids) {
  if (oids.empty()) return std::vector<CatalogTable>{};
  return read(oid_list(oids), {});
}

Status CatalogReader::add_membership(std::span<CatalogTable> tables) {
  if (tables.empty()) return ok();
  TablesByOid by_oid;
  std::vector<RelationOid> oids;
  for (CatalogTable& table : tables) {
    by_oid.emplace(table.oid, &table);
    oids.push_back(table.oid);
  }
  TRY(const QueryResult facts, sql_.query(catalog_sql::membership_facts(oid_list(oids), publication_, sql_.server_version())));
  TRY(const QueryResult published, sql_.query(catalog_sql::published_columns(oid_list(oids), publication_, sql_.server_version())));
  add_membership_facts(facts, by_oid);
  add_published_columns(published, by_oid);
  return ok();
}

Result<std::optional<CatalogTable>> CatalogReader::describe_table(RelationOid oid, std::span<const Oid> types) {
  TRY(std::vector<CatalogTable> tables, read(std::to_string(oid), types));
  if (tables.empty()) return std::optional<CatalogTable>{};
  return std::optional<CatalogTable>(std::move(tables.front()));
}

Result<std::vector<TableFinding>> CatalogReader::preflight(std::span<const CatalogTable> tables) {
  std::vector<TableFinding> findings;
  std::vector<RelationOid> oids;
  TRY(const QueryResult role, sql_.query("SELECT quote_ident(current_user)"));
  for (const CatalogTable& table : tables) {
    oids.push_back(table.oid);
    if (auto obstacle = against_publishing(table, sql_.server_version())) findings.push_back(*std::move(obstacle));
    if (table.row_security) {
      findings.push_back({TableFinding::Kind::row_security, table.oid, table.name,
                          "row-level security hides rows of " + to_string(table.name) + " from this role, while the stream carries all of them",
                          "ALTER ROLE " + role.string(0, 0) + " BYPASSRLS;"});
    }
  }
  if (oids.empty()) return findings;
  TRY(const QueryResult rows, sql_.query(catalog_sql::unreadable(oid_list(oids))));
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const TableName name{rows.string(row, 1), rows.string(row, 2)};
    std::string fix;
    if (!rows.boolean(row, 4)) fix += "GRANT USAGE ON SCHEMA " + quote_identifier(name.schema) + " TO " + rows.string(row, 5) + "; ";
    if (!rows.boolean(row, 3)) fix += "GRANT SELECT ON " + qualified(name) + " TO " + rows.string(row, 5) + ";";
    findings.push_back(
        {TableFinding::Kind::not_readable, rows.number<RelationOid>(row, 0), name, "this role may not read " + to_string(name), std::move(fix)});
  }
  return findings;
}

Result<std::vector<TableFinding>> CatalogReader::unfollowable_tables() {
  TRY(const QueryResult rows, sql_.query(catalog_sql::unfollowable()));
  std::vector<TableFinding> findings;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const TableName name{rows.string(row, 0), rows.string(row, 1)};
    const bool foreign = rows.text(row, 3) == "f";
    findings.push_back({TableFinding::Kind::not_logged, 0, name,
                        to_string(name) + (foreign ? " is a foreign table" : " is unlogged") + " and is left out: its changes are not in the WAL",
                        foreign ? "" : "ALTER TABLE " + qualified(name) + " SET LOGGED;"});
  }
  return findings;
}

}  // namespace luge
