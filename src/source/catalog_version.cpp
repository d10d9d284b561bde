#include "source/catalog_version.h"

namespace luge {

namespace {

/// One row of the digest: how many rows a catalog has, and the sum of who wrote them, each times a weight of its own. A row that changes gets
/// another xmin, always a later one than what it had. age() is the only arithmetic there is on an xid without its text, and counts from the
/// statement's own, the same for every row: with that taken back, the sum depends on the rows alone.
std::string part(std::string_view name, std::string_view weight, std::string_view from) {
  const std::string factor = "(1 + (" + std::string(weight) + ") % 8191)";
  return "SELECT '" + std::string(name) + "' AS name, count(*) AS n, coalesce(sum(" + factor + "), 0) AS weights, coalesce(sum(" + factor +
         " * age(t.xmin)::bigint), 0) AS ages FROM " + std::string(from);
}

/// Few rows, and some of them of the server's making, whose xmin is no ordinary one.
std::string small_part(std::string_view name, std::string_view from) {
  return "SELECT '" + std::string(name) + "', count(*), 0, coalesce(sum(hashtext(t.oid || ':' || t.xmin)), 0) FROM " + std::string(from);
}

std::string digest_sql(int version) {
  constexpr std::string_view kLasting =
      "WITH ours AS (SELECT c.oid FROM pg_class c WHERE c.oid >= 16384 AND c.relpersistence <> 't'), "
      "passing AS (SELECT n.oid FROM pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_') ";
  std::string parts = part("class", "t.oid::bigint", "pg_class t WHERE t.oid >= 16384 AND t.relpersistence <> 't'");
  const auto add = [&parts](const std::string& more) { parts += " UNION ALL " + more; };
  add(part("attribute", "t.attrelid::bigint * 31 + t.attnum", "pg_attribute t WHERE t.attnum > 0 AND t.attrelid IN (SELECT oid FROM ours)"));
  add(part("index", "t.indexrelid::bigint", "pg_index t WHERE t.indrelid IN (SELECT oid FROM ours)"));
  add(part("inherits", "t.inhrelid::bigint", "pg_inherits t WHERE t.inhrelid IN (SELECT oid FROM ours)"));
  add(part("type", "t.oid::bigint", "pg_type t WHERE t.oid >= 16384 AND t.typnamespace NOT IN (SELECT oid FROM passing)"));
  add(part("enum", "t.oid::bigint", "pg_enum t"));
  add(small_part("namespace", "pg_namespace t WHERE t.oid NOT IN (SELECT oid FROM passing)"));
  add(small_part("publication", "pg_publication t"));
  add(part("publication_rel", "t.oid::bigint", "pg_publication_rel t"));
  if (version >= 150000) add(small_part("publication_namespace", "pg_publication_namespace t"));
  // The age of xid 3, the first ordinary one, is the statement's own xid but for a constant.
  return std::string(kLasting) + "SELECT string_agg(name || ' ' || n || ' ' || (weights * age('3'::xid)::bigint - ages), ',' ORDER BY name) FROM (" +
         parts + ") p";
}

}  // namespace

bool CatalogVersion::is_safe(const std::string& publication, Oid oid) const {
  const auto found = publications.find(publication);
  return found != publications.end() && found->second == oid && !locked_publications.contains(oid);
}

Result<CatalogVersion> read_catalog_version(Connection& sql) {
  CatalogVersion version;
  // In this order, for the reason PublicationWatch::look gives.
  TRY(const QueryResult end, sql.query("SELECT pg_catalog.pg_current_wal_insert_lsn()"));
  const auto here = Lsn::parse(end.text(0, 0));
  if (!here) return fatal("malformed", "pg_current_wal_insert_lsn() answered something that is no LSN");
  version.here = *here;
  TRY(const QueryResult locks, sql.query("SELECT objid FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_publication'::regclass AND mode = "
                                         "'AccessExclusiveLock' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = "
                                         "current_database())"));
  for (std::size_t row = 0; row < locks.rows(); ++row) version.locked_publications.insert(locks.number<Oid>(row, 0));
  TRY(const QueryResult publications, sql.query("SELECT pubname, oid FROM pg_publication"));
  for (std::size_t row = 0; row < publications.rows(); ++row) version.publications[publications.string(row, 0)] = publications.number<Oid>(row, 1);
  TRY(const QueryResult digest, sql.query(digest_sql(sql.server_version())));
  version.digest = digest.string(0, 0);
  return version;
}

}  // namespace luge
