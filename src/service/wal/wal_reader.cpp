#include "service/wal/wal_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "postgres/sqlstate.h"

namespace luge {

namespace {

// A dead network is noticed sooner than by a pipeline, which may wait for its turn in a copy: here every answer is small.
constexpr const char* kUserTimeoutMs = "15000";

enum Column : std::size_t {
  kMayList,
  kDirectoryBytes,
  kStandby,
  kHere,
  kSlotLimit,
  kSeesSessions,
  kOldPrepared,
  kOldPid,
  kOldWho,
  kOldDatabase,
  kOldState,
  kOldSeconds,
  kSlot,
  kSlotType,
  kSlotDatabase,
  kSlotActive,
  kSlotReader,
  kSlotRestart,
  kSlotConfirmed,
  kSlotSafe,
  kSlotStatus,
  kSlotInvalidation,
};

constexpr const char* kMayListSql = "has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')";

// The server checks the right to call a function when it plans to, not when it does, so a role that may not list the directory needs a
// query without it. Each answer says whether the role may now.
std::string reading_sql(int server_version, bool may_list) {
  std::string sql =
      "SELECT f.may_list, f.directory_bytes, f.standby, f.here, f.slot_limit, f.sees_sessions, "
      "o.prepared, o.pid, o.who, o.database, o.state, o.seconds, "
      "s.slot_name, s.slot_type, s.database, s.active, r.application_name, s.restart_lsn, s.confirmed_flush_lsn, s.safe_wal_size, s.wal_status, ";
  sql += server_version >= 170000 ? "s.invalidation_reason" : "NULL";
  sql += std::string(" FROM (SELECT ") + kMayListSql + " AS may_list, ";
  sql += may_list ? "(SELECT sum(size)::bigint FROM pg_ls_waldir())" : "NULL::bigint";
  sql +=
      " AS directory_bytes, pg_is_in_recovery() AS standby, "
      "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS here, "
      "pg_size_bytes(current_setting('max_slot_wal_keep_size')) AS slot_limit, "
      "pg_has_role('pg_read_all_stats', 'USAGE') AS sees_sessions) f "
      "LEFT JOIN (SELECT prepared, pid, who, database, state, seconds FROM ("
      "SELECT false AS prepared, pid, coalesce(nullif(application_name, ''), backend_type, '?') AS who, datname::text AS database, state, "
      "age(backend_xid) AS age, extract(epoch FROM clock_timestamp() - xact_start)::bigint AS seconds "
      "FROM pg_stat_activity WHERE backend_xid IS NOT NULL "
      "UNION ALL SELECT true, 0, gid, database::text, '', age(transaction), extract(epoch FROM clock_timestamp() - prepared)::bigint "
      "FROM pg_prepared_xacts) candidates ORDER BY age DESC LIMIT 1) o ON true "
      "LEFT JOIN pg_replication_slots s ON true "
      "LEFT JOIN pg_stat_activity r ON r.pid = s.active_pid "
      "ORDER BY s.slot_name";
  return sql;
}

WalStatus status_of(std::string_view text) {
  if (text == "reserved") return WalStatus::reserved;
  if (text == "extended") return WalStatus::extended;
  if (text == "unreserved") return WalStatus::unreserved;
  if (text == "lost") return WalStatus::lost;
  return WalStatus::unknown;
}

Lsn lsn_of(const QueryResult& rows, std::size_t row, std::size_t column) { return Lsn::parse(rows.text(row, column)).value_or(Lsn{}); }

SlotSample slot_of(const QueryResult& rows, std::size_t row) {
  SlotSample slot;
  slot.name = rows.string(row, kSlot);
  slot.logical = rows.text(row, kSlotType) == "logical";
  slot.database = rows.string(row, kSlotDatabase);
  slot.active = rows.boolean(row, kSlotActive);
  slot.reader = rows.string(row, kSlotReader);
  slot.restart = lsn_of(rows, row, kSlotRestart);
  slot.confirmed = lsn_of(rows, row, kSlotConfirmed);
  if (!rows.is_null(row, kSlotSafe)) slot.safe_bytes = rows.number<std::int64_t>(row, kSlotSafe);
  slot.status = status_of(rows.text(row, kSlotStatus));
  slot.invalidation = rows.string(row, kSlotInvalidation);
  return slot;
}

WalSample sample_of(const QueryResult& rows) {
  WalSample sample;
  sample.here = lsn_of(rows, 0, kHere);
  sample.standby = rows.boolean(0, kStandby);
  if (!rows.is_null(0, kDirectoryBytes)) sample.directory_bytes = rows.number<std::uint64_t>(0, kDirectoryBytes);
  if (const auto limit = rows.number<std::int64_t>(0, kSlotLimit); limit >= 0) sample.slot_limit_bytes = static_cast<std::uint64_t>(limit);
  sample.sees_sessions = rows.boolean(0, kSeesSessions);
  if (!rows.is_null(0, kOldPid)) {
    OldTransaction old;
    old.prepared = rows.boolean(0, kOldPrepared);
    old.pid = rows.number<std::int32_t>(0, kOldPid);
    old.who = rows.string(0, kOldWho);
    old.database = rows.string(0, kOldDatabase);
    old.state = rows.string(0, kOldState);
    old.open_for = std::chrono::seconds(std::max<std::int64_t>(0, rows.number<std::int64_t>(0, kOldSeconds)));
    sample.oldest = std::move(old);
  }
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (!rows.is_null(row, kSlot)) sample.slots.push_back(slot_of(rows, row));
  }
  return sample;
}

}  // namespace

WalReader::WalReader(ConnectionOptions options, Duration statement_timeout) : options_(std::move(options)), statement_timeout_(statement_timeout) {
  options_.set("tcp_user_timeout", kUserTimeoutMs);
}

Status WalReader::connect(const std::stop_token& stop) {
  TRY(Connection sql, Connection::open(options_, Connection::Kind::sql, stop));
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(statement_timeout_).count();
  TRY(const QueryResult rows,
      sql.query("SET statement_timeout = " + std::to_string(timeout_ms) + "; SET default_transaction_read_only = on; SELECT " + kMayListSql));
  may_list_ = rows.boolean(0, 0);
  sql_ = std::move(sql);
  return ok();
}

Result<WalSample> WalReader::read(const Clock& clock, const std::stop_token& stop) {
  if (sql_ && sql_->broken()) sql_.reset();
  if (!sql_) CHECK_OK(connect(stop));
  if (stop.stop_requested()) return make_error(Recovery::reconnect, "stopped", "luge stops");
  auto rows = [&] {
    // A request that is sent before the statement is lost; then the statement's own timeout ends it.
    const std::stop_callback cancel(stop, [handle = sql_->cancel_handle()] { handle.request(); });
    return sql_->query(reading_sql(sql_->server_version(), may_list_));
  }();
  if (!rows) {
    // The right to list the directory was taken away since: the next reading goes without.
    if (rows.error().code == sqlstate::kInsufficientPrivilege) may_list_ = false;
    if (rows.error().recovery == Recovery::reconnect) sql_.reset();
    return std::move(rows).error();
  }
  may_list_ = rows->boolean(0, kMayList);
  WalSample sample = sample_of(*rows);
  sample.at = clock.now();
  return sample;
}

}  // namespace luge
