#include "source/publishable.h"

#include <algorithm>

#include "postgres/sql_quoting.h"

namespace luge {

namespace {

constexpr std::size_t kMostCommands = 20;

std::string qualified(const TableName& name) { return quote_qualified(name.schema, name.table); }

/// The columns whose values luge finds in an old tuple of the table; none: all of them (FULL).
const std::vector<std::int16_t>& identity_of(const CatalogTable& table) {
  static const std::vector<std::int16_t> kNone;
  if (table.identity == ReplicaIdentity::key) return table.primary_key;
  return table.identity == ReplicaIdentity::index ? table.identity_index : kNone;
}

const CatalogColumn* column_of(const CatalogTable& table, std::int16_t attnum) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(), [&](const CatalogColumn& column) { return column.attnum == attnum; });
  return found == table.columns.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

bool is_full(const CatalogLeaf& leaf) { return leaf.identity == ReplicaIdentity::full; }

/// Old tuples of the leaf have what old tuples of its root would have. The stream describes the root only, but the leaf's own identity
/// decides what PostgreSQL logs, and whether it allows the change.
bool identity_serves(const CatalogTable& root, const CatalogLeaf& leaf) {
  if (is_full(leaf)) return true;
  if (root.identity == ReplicaIdentity::full || leaf.identity_columns.empty()) return false;
  const auto& wanted = identity_of(root);
  return std::all_of(wanted.begin(), wanted.end(), [&](std::int16_t attnum) {
    const CatalogColumn* column = column_of(root, attnum);
    return column != nullptr && contains(leaf.identity_columns, column->name);
  });
}

std::string alter_leaf(const CatalogTable& root, const CatalogLeaf& leaf) {
  std::string command = "ALTER TABLE " + qualified(leaf.name) + " REPLICA IDENTITY ";
  switch (root.identity) {
    case ReplicaIdentity::key: return command + "DEFAULT;";
    case ReplicaIdentity::index: return command + "USING INDEX …;  -- its index on the same columns as that of " + to_string(root.name);
    case ReplicaIdentity::full:
    case ReplicaIdentity::nothing: break;
  }
  return command + "FULL;";
}

/// One command for each leaf, or the statement that makes them when they are very many.
std::string alter_leaves(const CatalogTable& root, const std::vector<const CatalogLeaf*>& leaves) {
  std::string commands;
  if (leaves.size() > kMostCommands && root.identity != ReplicaIdentity::index) {
    return "SELECT format('ALTER TABLE %s REPLICA IDENTITY " + std::string(root.identity == ReplicaIdentity::key ? "DEFAULT" : "FULL") +
           "', relid) FROM pg_partition_tree(" + quote_literal(qualified(root.name)) + ") WHERE isleaf \\gexec";
  }
  for (std::size_t i = 0; i < std::min(leaves.size(), kMostCommands); ++i) commands += (i == 0 ? "" : "\n") + alter_leaf(root, *leaves[i]);
  if (leaves.size() > kMostCommands) commands += "\n-- and so on for the other partitions";
  return commands;
}

TableFinding finding(const CatalogTable& table, TableFinding::Kind kind, std::string what, std::string fix) {
  return {kind, table.oid, table.name, std::move(what), std::move(fix)};
}

TableFinding no_identity(const CatalogTable& table) {
  std::string fix =
      "ALTER TABLE " + qualified(table.name) + " ADD PRIMARY KEY (…); or: ALTER TABLE " + qualified(table.name) + " REPLICA IDENTITY FULL;";
  if (table.kind == 'p') {
    CatalogTable full = table;  // as it would be then
    full.identity = ReplicaIdentity::full;
    std::vector<const CatalogLeaf*> leaves;
    for (const CatalogLeaf& leaf : full.odd_leaves) {
      if (!is_full(leaf)) leaves.push_back(&leaf);
    }
    if (!leaves.empty()) fix += " and of each partition, which does not take it over:\n" + alter_leaves(full, leaves);
  }
  return finding(table, TableFinding::Kind::no_identity,
                 to_string(table.name) + " has no usable replica identity: once it is published, the application's UPDATE and DELETE on it fail",
                 std::move(fix));
}

std::optional<TableFinding> leaf_without_identity(const CatalogTable& table) {
  std::vector<const CatalogLeaf*> leaves;
  for (const CatalogLeaf& leaf : table.odd_leaves) {
    if (!identity_serves(table, leaf)) leaves.push_back(&leaf);
  }
  if (leaves.empty()) return std::nullopt;
  const std::string others = leaves.size() > 1 ? " and " + std::to_string(leaves.size() - 1) + " more partitions" : "";
  return finding(
      table, TableFinding::Kind::no_identity,
      to_string(table.name) + ": the partition " + to_string(leaves.front()->name) + others +
          " has not the replica identity of its partitioned table, and its own counts: once published, UPDATE and DELETE of its rows fail, or "
          "do not say which row they change",
      alter_leaves(table, leaves));
}

/// The first generated column of the identity that is not published.
std::optional<std::string> generated_column(const CatalogTable& table, int version) {
  const auto& identity = identity_of(table);
  // With FULL servers before 18 leave it out and go on: no loss, since other columns make it.
  const bool full = table.identity == ReplicaIdentity::full || std::any_of(table.odd_leaves.begin(), table.odd_leaves.end(), is_full);
  const bool all = full && version >= 180000;
  for (const CatalogColumn& column : table.columns) {
    if (column.dropped || !column.generated || contains(table.published_columns, column.name)) continue;
    if (all || std::find(identity.begin(), identity.end(), column.attnum) != identity.end()) return column.name;
  }
  for (const CatalogLeaf& leaf : table.odd_leaves) {
    if (version >= 180000 && !leaf.generated_column.empty() && !contains(table.published_columns, leaf.generated_column))
      return leaf.generated_column;
  }
  return std::nullopt;
}

TableFinding generated_identity(const CatalogTable& table, const std::string& column, int version) {
  const std::string name = qualified(table.name);
  std::string what =
      to_string(table.name) + ": the generated column \"" + column + "\" is part of the replica identity, and generated columns are not published: ";
  what += version >= 180000 ? "PostgreSQL refuses UPDATE and DELETE once the table is published" : "the stream does not say which row it changes";
  const bool keyed = table.identity == ReplicaIdentity::full && !table.primary_key.empty();
  return finding(table, TableFinding::Kind::generated_identity, std::move(what),
                 keyed ? "ALTER TABLE " + name + " REPLICA IDENTITY DEFAULT;"
                       : "give the table a unique index on columns that are not generated and not null, and run ALTER TABLE " + name +
                             " REPLICA IDENTITY USING INDEX …; or leave it out");
}

}  // namespace

bool has_identity(const CatalogTable& table) {
  switch (table.identity) {
    case ReplicaIdentity::full: return true;
    case ReplicaIdentity::key: return !table.primary_key.empty();
    case ReplicaIdentity::index: return !table.identity_index.empty();
    case ReplicaIdentity::nothing: return false;
  }
  return false;
}

std::optional<TableFinding> against_publishing(const CatalogTable& table, int version) {
  if (!has_identity(table)) return no_identity(table);
  if (auto leaf = leaf_without_identity(table)) return leaf;
  if (const auto column = generated_column(table, version)) return generated_identity(table, *column, version);
  return std::nullopt;
}

}  // namespace luge
