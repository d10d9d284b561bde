#include "app/verify/source_snapshot.h"

#include <atomic>
#include <unistd.h>

#include "postgres/cancel_on_stop.h"
#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"

namespace luge {

namespace {

/// Slots are named per process and attempt: two comparisons at once do not meet.
std::string temporary_slot_name() {
  static std::atomic<unsigned> counter{0};
  return "luge_verify_" + std::to_string(::getpid()) + "_" + std::to_string(++counter);
}

}  // namespace

Result<SourceSnapshot> SourceSnapshot::take(const ConnectionOptions& options, const std::stop_token& stop) {
  TRY(Connection replication, Connection::open(options, Connection::Kind::replication, stop));
  const CancelOnStop cancel(replication, stop);
  auto created =
      replication.query("CREATE_REPLICATION_SLOT " + quote_identifier(temporary_slot_name()) + " TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT");
  if (!created) {
    Error error = std::move(created).error();
    if (error.code == sqlstate::kConfigurationLimitExceeded)
      error.hint = "verify needs one free replication slot for a moment: raise max_replication_slots";
    return error;
  }
  const auto lsn = Lsn::parse(created->text(0, 1));
  if (!lsn || created->is_null(0, 2)) return fatal("malformed", "the server answered CREATE_REPLICATION_SLOT without a consistent point or snapshot");
  return SourceSnapshot(std::move(replication), *lsn, created->string(0, 2));
}

Result<Connection> SourceSnapshot::open_reader(const ConnectionOptions& options, const std::stop_token& stop) {
  TRY(Connection sql, Connection::open(options, Connection::Kind::sql, stop));
  CHECK_OK(sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  CHECK_OK(sql.exec("SET LOCAL jit = off"));  // compiling the canonical texts takes seconds, and they are run once
  CHECK_OK(sql.exec("SET TRANSACTION SNAPSHOT " + quote_literal(name_)));
  return sql;
}

}  // namespace luge
