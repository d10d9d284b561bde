#include "source/slot.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "postgres/cancel_on_stop.h"
#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"

namespace luge {

namespace {

constexpr auto kFirstReport = std::chrono::seconds(3);
constexpr auto kReportEvery = std::chrono::seconds(10);

/// Logs whom the creation waits for, until told to stop.
void report_waits(const ConnectionOptions& options, const std::string& slot, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  auto next = kFirstReport;
  while (!wake.wait_for(lock, stop, std::exchange(next, kReportEvery), [] { return false; }) && !stop.stop_requested()) {
    auto sql = Connection::open(options);
    if (!sql) continue;
    const auto blockers = describe_old_transactions(*sql);
    log_event(LogLevel::info, "slot_waits", "creating the slot waits until every transaction that is running now has ended",
              {{"slot", slot}, {"waits_for", blockers && !blockers->empty() ? *blockers : "(not visible to this role: GRANT pg_read_all_stats)"}});
  }
}

Error explain(Error error, const SlotRequest& request) {
  if (error.code == sqlstate::kConfigurationLimitExceeded) {
    error.hint =
        "all replication slots are taken: raise max_replication_slots (restart), or drop one: SELECT slot_name, active FROM pg_replication_slots";
  } else if (error.code == sqlstate::kInsufficientPrivilege) {
    error.hint = "as a superuser: ALTER ROLE <user> WITH REPLICATION; (RDS: GRANT rds_replication TO <user>)";
  } else if (error.code == sqlstate::kNotInPrerequisiteState) {
    error.hint = "logical decoding needs wal_level = logical: ALTER SYSTEM SET wal_level = 'logical'; then restart the server";
  } else if (error.code == sqlstate::kDuplicateObject) {
    error.hint = "if nobody else uses it: SELECT pg_drop_replication_slot(" + quote_literal(request.name) + ")";
  }
  return error;
}

}  // namespace

std::string default_slot_name(std::string_view pipeline) { return "luge_" + std::string(pipeline); }

Result<Lsn> create_slot(const ConnectionOptions& options, const SlotRequest& request, const std::stop_token& stop) {
  TRY(Connection replication, Connection::open(options, Connection::Kind::replication));
  std::string command = "CREATE_REPLICATION_SLOT " + quote_identifier(request.name) + " LOGICAL pgoutput";
  if (request.failover && replication.server_version() >= 170000) {
    command += " (SNAPSHOT 'nothing', FAILOVER true)";
  } else {
    command += " NOEXPORT_SNAPSHOT";  // the old syntax is understood by every version
  }
  const CancelOnStop cancel(replication, stop);
  std::jthread reporter(InLogContext([&](const std::stop_token& done) { report_waits(options, request.name, done); }));
  auto created = replication.query(command);
  if (!created) return explain(std::move(created).error(), request);
  const auto point = Lsn::parse(created->text(0, 1));
  if (!point) return fatal("protocol", "the server named no consistent point for slot " + request.name);
  return *point;
}

Result<bool> drop_slot(Connection& sql, std::string_view name) {
  TRY(const QueryResult found,
      sql.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = " + quote_literal(name)));
  return found.rows() > 0;
}

Result<std::string> describe_old_transactions(Connection& sql) {
  TRY(const QueryResult rows,
      sql.query("SELECT who FROM ("
                "SELECT age(backend_xid) AS age, format('pid %s (%s, database %s, %s, transaction open since %s)', pid, "
                "coalesce(nullif(application_name, ''), backend_type, '?'), datname, state, date_trunc('second', xact_start)) AS who "
                "FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() "
                "UNION ALL SELECT age(transaction), format('prepared transaction %L of %s (database %s, since %s)', gid, owner, database, "
                "date_trunc('second', prepared)) FROM pg_prepared_xacts) old ORDER BY age DESC"));
  std::string text;
  for (std::size_t row = 0; row < std::min<std::size_t>(rows.rows(), 5); ++row) text += (row == 0 ? "" : "; ") + rows.string(row, 0);
  if (rows.rows() > 5) text += "; and " + std::to_string(rows.rows() - 5) + " more";
  return text;
}

}  // namespace luge
