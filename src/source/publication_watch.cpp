#include "source/publication_watch.h"

#include <algorithm>

#include "postgres/sql_quoting.h"

namespace luge {

namespace {

Result<Lsn> insert_position(Connection& sql) {
  TRY(const QueryResult row, sql.query("SELECT pg_catalog.pg_current_wal_insert_lsn()"));
  const auto position = Lsn::parse(row.text(0, 0));
  if (!position) return fatal("malformed", "pg_current_wal_insert_lsn() answered something that is no LSN");
  return *position;
}

}  // namespace

bool PublicationWatch::note(const CatalogVersion& version) {
  if (known_ == 0 || !version.is_safe(name_, known_)) return false;
  seen_ = std::max(seen_, version.here);
  return true;
}

// In this order. A DROP whose commit record lies before `here` was at work when `here` was read, or had ended. Others see it only after a
// moment, or for as long as a synchronous standby is awaited; until then it holds its lock. So once nobody holds one, whoever has dropped
// the publication before `here` is seen to have.
Result<std::optional<PublicationLoss>> PublicationWatch::look(Connection& sql) {
  TRY(const Lsn here, insert_position(sql));
  TRY(const QueryResult locks,
      sql.query(
          "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_publication'::regclass AND objid = " + std::to_string(known_) +
          " AND mode = 'AccessExclusiveLock' AND granted AND database = " + "(SELECT oid FROM pg_database WHERE datname = current_database())"));
  TRY(const QueryResult found, sql.query("SELECT oid FROM pg_publication WHERE pubname = " + quote_literal(name_)));
  const Oid oid = found.rows() == 0 ? 0 : found.number<Oid>(0, 0);
  if (oid == 0 || (known_ != 0 && oid != known_)) {
    TRY(const Lsn now, insert_position(sql));
    return std::optional<PublicationLoss>(PublicationLoss{oid != 0, seen_, now});
  }
  // What an unknown one did before it was seen is not known either.
  if (known_ != 0 && locks.number<std::uint64_t>(0, 0) == 0) seen_ = std::max(seen_, here);
  known_ = oid;
  return std::optional<PublicationLoss>{};
}

}  // namespace luge
