#include "source/catalog_sql.h"

#include "postgres/sql_quoting.h"

namespace luge::catalog_sql {

namespace {

constexpr std::string_view kUserSchema = " n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// A condition on the table `c` in schema `n`.
std::string table_condition(std::string_view tables) {
  if (!tables.empty()) return " c.oid IN (" + std::string(tables) + ")";
  return " c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND" + std::string(kUserSchema);
}

/// A condition on a column that holds a table's OID.
std::string oid_condition(std::string_view column, std::string_view tables) {
  if (!tables.empty()) return std::string(column) + " IN (" + std::string(tables) + ")";
  return std::string(column) + " IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE" + table_condition("") + ")";
}

/// Joins for table `c` in schema `n`: publication p, membership r, and from 15 on membership pn of the schema. The view
/// pg_publication_tables says the same, but opens every table, and so waits for whoever locks one of them.
std::string membership(std::string_view publication, int version) {
  std::string joins = " LEFT JOIN pg_publication p ON p.pubname = " + quote_literal(publication) +
                      " LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid";
  if (version >= 150000) joins += " LEFT JOIN pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = n.oid";
  return joins;
}

std::string is_published(int version) {
  return "coalesce((c.relkind <> 'p' OR p.pubviaroot) AND (p.puballtables OR r.oid IS NOT NULL" +
         std::string(version >= 150000 ? " OR pn.oid IS NOT NULL" : "") + "), false)";
}

std::string row_filter(int version) { return version >= 150000 ? "CASE WHEN pn.oid IS NULL THEN pg_get_expr(r.prqual, r.prrelid) END" : "NULL"; }

}  // namespace

// pg_partition_tree() would lock every partition, and wait behind an ALTER TABLE for as long as that takes.
std::string partition_tree(std::string_view tables) {
  return "tree(root, oid, link) AS (SELECT c.oid, i.inhrelid, i.xmin FROM pg_class c JOIN pg_inherits i ON i.inhparent = c.oid WHERE c.relkind = 'p' "
         "AND " +
         oid_condition("c.oid", tables) + " UNION ALL SELECT t.root, i.inhrelid, i.xmin FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid)";
}

std::string leaf_files() {
  // A partitioned table has no file: its leaves answer for it. The hash changes when any of them gets another one.
  return "leaves AS (SELECT t.root, hashtext(string_agg(l.oid || ':' || pg_relation_filenode(l.oid), ',' ORDER BY l.oid))::bigint & 4294967295 AS "
         "file_node, "
         "sum(l.relpages)::bigint AS pages, sum(greatest(l.reltuples, pg_stat_get_live_tuples(l.oid))) AS tuples "
         "FROM tree t JOIN pg_class l ON l.oid = t.oid WHERE l.relkind = 'r' GROUP BY t.root)";
}

std::string membership_facts(std::string_view tables, std::string_view publication, int version) {
  return "SELECT c.oid, " + is_published(version) + ", " + row_filter(version) + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
         membership(publication, version) + " WHERE" + table_condition(tables);
}

std::string tables(std::string_view tables, std::string_view publication, int version) {
  // Nothing here opens a table (pg_get_expr alone does, for a row filter), so nothing waits for a lock: sizes are those of the last ANALYZE, VACUUM or counted insert.
  return "WITH RECURSIVE " + partition_tree(tables) + ", " + leaf_files() +
         " SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, "
         "CASE WHEN c.relkind = 'p' THEN coalesce(leaves.file_node, 0) ELSE pg_relation_filenode(c.oid)::bigint END, "
         "CASE WHEN c.relkind = 'p' THEN coalesce(leaves.pages, 0) ELSE c.relpages END, "
         "nullif(CASE WHEN c.relkind = 'p' THEN leaves.tuples ELSE greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) END, 0), "
         "row_security_active(c.oid), " +
         is_published(version) + ", " + row_filter(version) + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
         membership(publication, version) + " LEFT JOIN leaves ON leaves.root = c.oid WHERE" + table_condition(tables) +
         " ORDER BY n.nspname, c.relname";
}

std::string columns(std::string_view tables) {
  // attmissingval is an array of one element of the column's type. array_to_string runs that type's output function on it and adds
  // nothing, which a cast to text would: array_out quotes. The root of a partitioned table has none of its own: its leaves do.
  return "WITH RECURSIVE " + partition_tree(tables) +
         ", missing AS (SELECT t.root, l.attname, min(array_to_string(l.attmissingval, '')) AS value FROM tree t "
         "JOIN pg_attribute l ON l.attrelid = t.oid AND l.atthasmissing GROUP BY t.root, l.attname) "
         "SELECT a.attrelid, a.attnum, a.attname, a.attisdropped, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '', "
         "CASE WHEN a.attisdropped THEN NULL WHEN a.atthasmissing THEN array_to_string(a.attmissingval, '') ELSE m.value END "
         "FROM pg_attribute a LEFT JOIN missing m ON m.root = a.attrelid AND m.attname = a.attname WHERE a.attnum > 0 AND " +
         oid_condition("a.attrelid", tables) + " ORDER BY a.attrelid, a.attnum";
}

std::string column_is_published(int version) {
  if (version < 150000) return "a.attgenerated = ''";
  const std::string generated = version >= 180000 ? " OR (a.attgenerated = 's' AND p.pubgencols = 's')" : "";
  return "CASE WHEN r.prattrs IS NOT NULL THEN a.attnum = ANY (r.prattrs::int2[]) ELSE a.attgenerated = ''" + generated + " END";
}

std::string published_columns(std::string_view tables, std::string_view publication, int version) {
  if (version < 150000) return "SELECT NULL WHERE false";
  const std::string generated = version >= 180000 ? " OR p.pubgencols <> 'n'" : "";
  return "SELECT c.oid, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" + membership(publication, version) +
         " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE (r.prattrs IS NOT NULL" + generated + ") AND " +
         column_is_published(version) + " AND" + table_condition(tables) + " ORDER BY c.oid, a.attnum";
}

std::string key_columns(std::string_view tables) {
  return "SELECT i.indrelid, i.indisprimary, i.indisreplident, k.attnum FROM pg_index i "
         "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) "
         "WHERE (i.indisprimary OR i.indisreplident) AND i.indimmediate AND i.indisvalid AND k.place <= i.indnkeyatts AND " +
         oid_condition("i.indrelid", tables) + " ORDER BY i.indrelid, i.indexrelid, k.place";
}

std::string odd_leaves(std::string_view tables) {
  return "WITH RECURSIVE " + partition_tree(tables) +
         " SELECT t.root, n.nspname, l.relname, l.relreplident, a.attname, a.attgenerated <> '' FROM tree t "
         "JOIN pg_class r ON r.oid = t.root JOIN pg_class l ON l.oid = t.oid AND l.relkind = 'r' JOIN pg_namespace n ON n.oid = l.relnamespace "
         "LEFT JOIN pg_index i ON i.indrelid = l.oid AND i.indimmediate AND i.indisvalid "
         "AND CASE l.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END "
         "LEFT JOIN LATERAL (SELECT * FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) WHERE k.place <= i.indnkeyatts) k ON true "
         "LEFT JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum = k.attnum "
         "WHERE l.relreplident <> r.relreplident OR l.relreplident IN ('i', 'n') OR (l.relreplident = 'd' AND i.indexrelid IS NULL) "
         "ORDER BY t.root, n.nspname, l.relname, k.place";
}

std::string names(std::string_view publication, int version) {
  return "SELECT c.oid, n.nspname, c.relname, " + is_published(version) + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
         membership(publication, version) + " WHERE" + table_condition("") + " ORDER BY n.nspname, c.relname";
}

std::string types(std::string_view tables, std::string_view more) {
  return
      // typoutput tells true arrays from oidvector and its like, which have elements too but another text form.
      "WITH RECURSIVE needed(oid) AS ((SELECT a.atttypid FROM pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped AND " +
      oid_condition("a.attrelid", tables) + " UNION SELECT unnest('{" + std::string(more) +
      "}'::oid[])) UNION SELECT u.oid FROM needed JOIN pg_type t ON t.oid = needed.oid CROSS JOIN LATERAL (VALUES (t.typbasetype), "
      "(CASE WHEN t.typoutput = 'array_out'::regproc THEN t.typelem ELSE 0 END)) u(oid) WHERE u.oid <> 0) "
      "SELECT t.oid, n.nspname, t.typname, t.typtype, t.typdelim, t.typsend <> 0, t.typelem <> 0 AND t.typoutput = 'array_out'::regproc, "
      "t.typtypmod, "
      "t.typbasetype, CASE WHEN t.typoutput = 'array_out'::regproc THEN t.typelem ELSE 0 END "
      "FROM needed JOIN pg_type t ON t.oid = needed.oid JOIN pg_namespace n ON n.oid = t.typnamespace";
}

std::string sizes() {
  return "WITH RECURSIVE " + partition_tree("") +
         " SELECT coalesce(t.root, c.oid), sum(pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint "
         "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN tree t ON t.oid = c.oid "
         "WHERE c.relkind = 'r' AND (t.root IS NOT NULL OR (" +
         table_condition("") +
         ")) AND NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d "
         "ON d.oid = l.database WHERE d.datname = current_database() AND l.relation = c.oid AND l.mode = 'AccessExclusiveLock') GROUP BY 1";
}

std::string unfollowable() {
  return "SELECT n.nspname, c.relname, c.relpersistence, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
         "WHERE ((c.relkind IN ('r', 'p') AND c.relpersistence = 'u') OR c.relkind = 'f') AND NOT c.relispartition AND" +
         std::string(kUserSchema) + " ORDER BY 1, 2";
}

std::string unreadable(std::string_view tables) {
  return "SELECT c.oid, n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT'), has_schema_privilege(n.oid, 'USAGE'), quote_ident(current_user) "
         "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
         "WHERE NOT (has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')) AND" +
         table_condition(tables) + " ORDER BY 2, 3";
}

}  // namespace luge::catalog_sql
