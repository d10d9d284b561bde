#include "decode/relation_resolver.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/ensure.h"
#include "decode/type_finder.h"
#include "model/type_mapping.h"

namespace luge {

namespace {

Error ambiguous(const TableName& name, std::string why) {
  return make_error(Recovery::quarantine_table, "ambiguous_schema",
                    "the columns of " + to_string(name) + " as the stream describes them cannot be told apart in the catalog: " + std::move(why),
                    "luge resync " + to_string(name));
}

std::optional<std::uint16_t> index_of(const TableSchema& schema, std::int16_t attnum) {
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (schema.columns[i].attnum == attnum) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

// Indices of the key's columns in column order; empty when one of them is not published: a part of a key identifies nothing.
std::vector<std::uint16_t> indices_of(const TableSchema& schema, const std::vector<std::int16_t>& attnums) {
  std::vector<std::uint16_t> indices;
  for (const std::int16_t attnum : attnums) {
    const auto index = index_of(schema, attnum);
    if (!index) return {};
    indices.push_back(*index);
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

bool listed(const CatalogTable& catalog, const CatalogColumn& column) {
  const auto& list = catalog.published_columns;
  if (list.empty()) return !column.generated;
  return std::find(list.begin(), list.end(), column.name) != list.end();
}

// What old tuples carry. FULL of a partitioned table does not reach its partitions, whose own identity decides what is logged.
ReplicaIdentity identity_of(ReplicaIdentity declared, const CatalogTable& catalog) {
  const auto says_less = [](const CatalogLeaf& leaf) { return leaf.identity != ReplicaIdentity::full; };
  const bool less = std::any_of(catalog.odd_leaves.begin(), catalog.odd_leaves.end(), says_less);
  return declared == ReplicaIdentity::full && less ? ReplicaIdentity::key : declared;
}

const std::vector<std::int16_t>& identity_columns(const CatalogTable& catalog, ReplicaIdentity identity) {
  return identity == ReplicaIdentity::index ? catalog.identity_index : catalog.primary_key;
}

// The catalog's key has a column that was there when the message was written, and is not in it. One that the catalog lists today and
// that is newer than the message says nothing: the key has been changed since.
bool key_is_cut(const TableSchema& schema, const CatalogTable& catalog) {
  const auto& key = identity_columns(catalog, schema.identity);
  return std::any_of(key.begin(), key.end(), [&](std::int16_t attnum) {
    if (index_of(schema, attnum)) return false;
    const auto column = std::find_if(catalog.columns.begin(), catalog.columns.end(), [&](const CatalogColumn& c) { return c.attnum == attnum; });
    return attnum <= schema.newest_attnum || column == catalog.columns.end() || !listed(catalog, *column);
  });
}

// The stream's own flags say what an old tuple carries. Under FULL they are set everywhere, so there the catalog's primary key is
// the shorter name of a row.
std::vector<std::uint16_t> key_of(const TableSchema& schema, const CatalogTable& catalog) {
  if (schema.identity == ReplicaIdentity::nothing) return {};
  if (schema.identity == ReplicaIdentity::full) return indices_of(schema, catalog.primary_key);
  if (key_is_cut(schema, catalog)) return {};
  std::vector<std::uint16_t> indices;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (schema.columns[i].in_identity) indices.push_back(static_cast<std::uint16_t>(i));
  }
  return indices;
}

// What the table is known to have given out when `schema` was written. The catalog may be ahead, so its own largest attnum says nothing,
// unless everything above the message's last column is there to be seen: then it is newer than the message.
std::int16_t newest_attnum(const TableSchema& schema, const CatalogTable& catalog, const TableSchema* previous) {
  std::int16_t newest = 0;
  for (const ColumnSchema& column : schema.columns) newest = std::max(newest, column.attnum);
  if (previous != nullptr && previous->newest_attnum > 0) return std::max(newest, previous->newest_attnum);
  const auto hidden = [&](const CatalogColumn& column) { return column.attnum > newest && (column.dropped || !listed(catalog, column)); };
  return catalog.columns.empty() || std::any_of(catalog.columns.begin(), catalog.columns.end(), hidden) ? std::int16_t{0} : newest;
}

}  // namespace

Result<TableSchemaPtr> resolve_relation(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous,
                                        const ColumnOptionsLookup& options, CatalogAge age) {
  ENSURE(relation.oid == catalog.oid, "a relation resolved with the catalog facts of another");
  const ColumnAlignment alignment = align_columns(relation, catalog, previous, age);
  if (alignment.kind == ColumnAlignment::Kind::none) {
    return ambiguous(relation.name,
                     catalog.columns.empty() ? "the table is gone, and it had another shape when it was last seen" : "no history explains them");
  }
  if (alignment.kind == ColumnAlignment::Kind::several)
    return ambiguous(relation.name, "columns were dropped and added, and several histories explain it equally well");

  const TypeFinder types(catalog, previous);
  auto schema = std::make_shared<TableSchema>();
  schema->oid = relation.oid;
  schema->name = relation.name;
  schema->identity = identity_of(relation.identity, catalog);
  schema->columns.reserve(relation.columns.size());
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    const RelationColumn& source = relation.columns[i];
    ColumnSchema column;
    column.name = source.name;
    column.attnum = alignment.attnums[i];
    column.type = types.find(column.attnum, source.type_oid);
    if (!column.type)
      return ambiguous(relation.name,
                       "the type of column \"" + source.name + "\" (OID " + std::to_string(source.type_oid) + ") has been changed since");
    column.typmod = source.typmod;
    column.value = map_type(*column.type, column.typmod, options ? options(relation.name, column.name, *column.type) : ColumnOptions{});
    const bool in_key = std::find(catalog.primary_key.begin(), catalog.primary_key.end(), column.attnum) != catalog.primary_key.end();
    column.in_identity = schema->identity == relation.identity ? source.in_identity : in_key;
    schema->columns.push_back(std::move(column));
  }
  schema->newest_attnum = newest_attnum(*schema, catalog, previous);
  schema->key_columns = key_of(*schema, catalog);
  return TableSchemaPtr(std::move(schema));
}

Result<TableSchemaPtr> schema_from_catalog(const CatalogTable& catalog, const ColumnOptionsLookup& options) {
  auto schema = std::make_shared<TableSchema>();
  schema->oid = catalog.oid;
  schema->name = catalog.name;
  schema->identity = identity_of(catalog.identity, catalog);
  if (!catalog.columns.empty()) schema->newest_attnum = catalog.columns.back().attnum;
  for (const CatalogColumn& source : catalog.columns) {
    if (source.dropped || !listed(catalog, source)) continue;
    if (!source.type) return ambiguous(catalog.name, "the type of column \"" + source.name + "\" is not in the catalog");
    ColumnSchema column;
    column.name = source.name;
    column.attnum = source.attnum;
    column.type = source.type;
    column.typmod = source.typmod;
    column.value = map_type(*column.type, column.typmod, options ? options(catalog.name, column.name, *column.type) : ColumnOptions{});
    schema->columns.push_back(std::move(column));
  }
  // The same flags as a Relation message would carry (proto.c: logicalrep_write_attrs).
  const auto& identity = identity_columns(catalog, schema->identity);
  for (ColumnSchema& column : schema->columns) {
    column.in_identity = schema->identity == ReplicaIdentity::full || (schema->identity != ReplicaIdentity::nothing &&
                                                                       std::find(identity.begin(), identity.end(), column.attnum) != identity.end());
  }
  if (schema->identity != ReplicaIdentity::nothing) schema->key_columns = indices_of(*schema, identity);
  return TableSchemaPtr(std::move(schema));
}

}  // namespace luge
