#include "source/catalog_fingerprint.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "postgres/sql_quoting.h"
#include "source/catalog_reader.h"
#include "source/catalog_sql.h"

namespace luge {

namespace {

std::string table_query(std::string_view publication, const std::string& oids, int version) {
  const std::string by_schema = version >= 150000 ? "pn.oid, " : "";
  return "WITH RECURSIVE " + catalog_sql::partition_tree(oids) + ", " + catalog_sql::leaf_files() +
         " SELECT c.oid, c.relkind = 'p', "
         "CASE WHEN c.relkind = 'p' THEN coalesce(leaves.file_node, 0) ELSE pg_relation_filenode(c.oid)::bigint END, "
         "a.digest, coalesce(a.by_alter, false), coalesce(r.oid, " +
         by_schema +
         "0), md5(concat_ws(':', n.nspname, c.relname, c.relreplident, a.shape, k.keys, a.published)), coalesce(a.published, ''), "
         "coalesce(a.newest, 0) "
         "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
         "LEFT JOIN LATERAL (SELECT string_agg(concat_ws(':', indkey, indisprimary, indisreplident), ',' ORDER BY indexrelid) AS keys FROM pg_index "
         "WHERE indrelid = c.oid AND (indisprimary OR indisreplident)) k ON true "
         "LEFT JOIN leaves ON leaves.root = c.oid "
         "LEFT JOIN pg_publication p ON p.pubname = " +
         quote_literal(publication) + " LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid" +
         (version >= 150000 ? " LEFT JOIN pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = c.relnamespace" : "") +
         " LEFT JOIN LATERAL (SELECT md5(string_agg(concat_ws(':', attnum, atttypid, atttypmod, attisdropped, a.xmin), ',' ORDER BY attnum)) AS "
         "digest, "
         "string_agg(concat_ws(':', attnum, attname, atttypid, atttypmod, attisdropped), ',' ORDER BY attnum) AS shape, bool_or(a.xmin = c.xmin) AS "
         "by_alter, string_agg(attnum::text, ' ' ORDER BY attnum) FILTER (WHERE NOT attisdropped AND " +
         catalog_sql::column_is_published(version) +
         ") AS published, max(attnum) AS newest FROM pg_attribute a WHERE attrelid = c.oid AND attnum > 0) a ON true "
         "WHERE c.oid IN (" +
         oids + ")";
}

/// "1 2 5"
std::vector<std::int16_t> attnums_of(std::string_view text) {
  std::vector<std::int16_t> attnums;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::int16_t attnum = 0;
    const auto [next, error] = std::from_chars(at, end, attnum);
    if (error != std::errc{}) break;
    attnums.push_back(attnum);
    at = next + (next < end ? 1 : 0);
  }
  return attnums;
}

/// A column that was there before, without its values being on the stream, has them there now: of what it holds nothing was sent.
bool publishes_older_column(std::span<const std::int16_t> published_before, std::int16_t newest_before, const TableFingerprint& now) {
  return std::any_of(now.published.begin(), now.published.end(), [&](std::int16_t attnum) {
    return attnum <= newest_before && std::find(published_before.begin(), published_before.end(), attnum) == published_before.end();
  });
}

constexpr const char* kPublishedLater = "a column that it already had was published";

std::string partition_query(const std::string& oids) {
  // A partition made by CREATE TABLE … PARTITION OF has its row type and its place in the tree from one transaction.
  return "WITH RECURSIVE " + catalog_sql::partition_tree(oids) +
         " SELECT t.root, t.oid, ty.xmin <> t.link FROM tree t JOIN pg_type ty ON ty.typrelid = t.oid";
}

constexpr const char* kEnumQuery = "SELECT oid, enumtypid, enumlabel FROM pg_enum";
constexpr const char* kCompositeQuery =
    "SELECT t.oid, md5(string_agg(concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped), ',' ORDER BY a.attnum)) "
    "FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relkind = 'c' GROUP BY "
    "t.oid";

}  // namespace

Result<CatalogFingerprint> read_fingerprint(Connection& sql, std::string_view publication, std::span<const RelationOid> oids) {
  CatalogFingerprint out;
  TRY(const QueryResult found, sql.query("SELECT oid FROM pg_publication WHERE pubname = " + quote_literal(publication)));
  if (found.rows() > 0) out.publication = found.number<Oid>(0, 0);
  if (oids.empty()) return out;
  const std::string list = oid_list(oids);
  TRY(const QueryResult tables, sql.query(table_query(publication, list, sql.server_version())));
  for (std::size_t row = 0; row < tables.rows(); ++row) {
    TableFingerprint& table = out.tables[tables.number<RelationOid>(row, 0)];
    table.partitioned = tables.boolean(row, 1);
    table.file_node = tables.number<std::uint32_t>(row, 2);
    table.columns = tables.string(row, 3);
    table.rewritten_by_alter = tables.boolean(row, 4);
    table.membership = tables.number<Oid>(row, 5);
    table.shape = tables.string(row, 6);
    table.published = attnums_of(tables.text(row, 7));
    table.newest_attnum = tables.number<std::int16_t>(row, 8);
  }
  TRY(const QueryResult partitions, sql.query(partition_query(list)));
  for (std::size_t row = 0; row < partitions.rows(); ++row) {
    const auto root = out.tables.find(partitions.number<RelationOid>(row, 0));
    if (root != out.tables.end()) root->second.partitions[partitions.number<RelationOid>(row, 1)] = partitions.boolean(row, 2);
  }
  TRY(const QueryResult labels, sql.query(kEnumQuery));
  for (std::size_t row = 0; row < labels.rows(); ++row) {
    out.types.enum_labels[labels.number<Oid>(row, 0)] = {labels.number<Oid>(row, 1), labels.string(row, 2)};
  }
  TRY(const QueryResult composites, sql.query(kCompositeQuery));
  for (std::size_t row = 0; row < composites.rows(); ++row) out.types.composites[composites.number<Oid>(row, 0)] = composites.string(row, 1);
  return out;
}

std::string explain_rewrite(const TableFingerprint& before, const TableFingerprint& now) {
  if (before.membership != 0 && now.membership != 0 && before.membership != now.membership)
    return "it was taken out of the publication and put in again";
  for (const auto& [partition, attached] : now.partitions) {
    if (attached && !before.partitions.contains(partition)) return "a table was attached as a partition";
  }
  for (const auto& [partition, attached] : before.partitions) {
    if (!now.partitions.contains(partition)) return "a partition was detached or dropped";
  }
  if (publishes_older_column(before.published, before.newest_attnum, now)) return kPublishedLater;
  if (before.file_node == now.file_node) return "";
  if (before.columns != now.columns) return "it was rewritten by ALTER TABLE";
  // Of a partition not even TRUNCATE is on the stream. A partition that was only created changes the digest over all files too.
  if (now.partitioned && before.partitions == now.partitions) return "a partition was truncated or rewritten";
  return "";
}

std::string explain_rewrite_since(std::uint32_t file_node_before, const TableSchema* shape_before, const TableFingerprint& now) {
  if (shape_before != nullptr) {
    std::vector<std::int16_t> published;
    for (const ColumnSchema& column : shape_before->columns) published.push_back(column.attnum);
    const std::int16_t newest = published.empty() ? shape_before->newest_attnum : std::max(shape_before->newest_attnum, published.back());
    if (publishes_older_column(published, newest, now)) return kPublishedLater;
  }
  if (file_node_before == 0 || file_node_before == now.file_node) return "";
  if (now.partitioned) return "its partitions changed while luge did not run";
  return now.rewritten_by_alter ? "it was rewritten by ALTER TABLE while luge did not run" : "";
}

std::vector<Oid> changed_types(const TypeFingerprint& before, const TypeFingerprint& now) {
  std::set<Oid> changed;
  for (const auto& [label, now_is] : now.enum_labels) {
    const auto was = before.enum_labels.find(label);
    if (was != before.enum_labels.end() && was->second != now_is) changed.insert(now_is.first);
  }
  for (const auto& [type, digest] : now.composites) {
    const auto was = before.composites.find(type);
    if (was != before.composites.end() && was->second != digest) changed.insert(type);
  }
  return {changed.begin(), changed.end()};
}

Result<std::vector<RelationOid>> tables_resting_on(Connection& sql, std::span<const Oid> types, std::span<const RelationOid> oids) {
  std::vector<RelationOid> tables;
  if (types.empty() || oids.empty()) return tables;
  const std::string multirange = sql.server_version() >= 140000 ? " UNION ALL SELECT rngmultitypid FROM pg_range WHERE rngsubtype = d.oid" : "";
  TRY(const QueryResult rows,
      sql.query(
          "WITH RECURSIVE resting(oid) AS (SELECT unnest(ARRAY[" + oid_list(types) +
          "]::oid[]) UNION SELECT u.oid FROM resting d CROSS JOIN LATERAL ("
          "SELECT oid FROM pg_type WHERE typbasetype = d.oid OR (typelem = d.oid AND typoutput = 'array_out'::regproc) "
          "UNION ALL SELECT rngtypid FROM pg_range WHERE rngsubtype = d.oid" +
          multirange +
          " UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.atttypid = d.oid AND c.reltype <> 0) u) "
          "SELECT DISTINCT attrelid FROM pg_attribute WHERE atttypid IN (SELECT oid FROM resting) AND attrelid IN (" +
          oid_list(oids) + ")"));
  for (std::size_t row = 0; row < rows.rows(); ++row) tables.push_back(rows.number<RelationOid>(row, 0));
  return tables;
}

}  // namespace luge
