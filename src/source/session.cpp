#include "source/session.h"

#include <charconv>

#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"
#include "source/publication.h"

namespace luge {

namespace {

Lsn lsn_at(const QueryResult& result, std::size_t column) { return Lsn::parse(result.text(0, column)).value_or(Lsn{}); }

Status read_identity(Connection& replication, SessionFacts& facts) {
  TRY(const QueryResult system, replication.query("IDENTIFY_SYSTEM"));
  facts.system_identifier = system.number<std::uint64_t>(0, 0);
  facts.timeline = system.number<std::uint32_t>(0, 1);
  if (facts.timeline <= 1) return ok();
  auto history = replication.query("TIMELINE_HISTORY " + std::to_string(facts.timeline));
  if (history) {
    facts.history = parse_timeline_history(history->text(0, 1));
  } else if (history.error().code != sqlstate::kUndefinedFile) {  // a restored server may have lost the file: the gap test then asks an operator
    return std::move(history).error();
  }
  return ok();
}

Status read_server(Connection& connection, SessionFacts& facts) {
  TRY(const QueryResult row, connection.query("SELECT pg_is_in_recovery(), (SELECT oid FROM pg_database WHERE datname = current_database()), "
                                              "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, "
                                              "pg_snapshot_xmax(pg_current_snapshot()), current_setting('wal_sender_timeout')"));
  facts.in_recovery = row.boolean(0, 0);
  facts.database_oid = row.number<std::uint32_t>(0, 1);
  facts.server_lsn = lsn_at(row, 2);
  facts.next_xid = row.number<Xid>(0, 3);
  facts.wal_sender_timeout = parse_setting_duration(row.text(0, 4));
  return ok();
}

Status read_slot(Connection& connection, std::string_view name, SessionFacts& facts) {
  const bool knows_invalidation = connection.server_version() >= 170000;
  TRY(const QueryResult row,
      connection.query("SELECT plugin, database, active, active_pid, confirmed_flush_lsn, restart_lsn, wal_status, safe_wal_size, " +
                       std::string(knows_invalidation ? "invalidation_reason" : "NULL") +
                       " FROM pg_replication_slots WHERE slot_name = " + quote_literal(name)));
  SlotFacts& slot = facts.slot;
  if (row.rows() == 0) return ok();
  slot.exists = true;
  slot.plugin = row.string(0, 0);
  slot.database = row.string(0, 1);
  slot.active = row.boolean(0, 2);
  slot.active_pid = row.number<std::int32_t>(0, 3);
  slot.confirmed_flush = lsn_at(row, 4);
  slot.restart = lsn_at(row, 5);
  slot.wal_status = row.string(0, 6);
  if (!row.is_null(0, 7)) slot.safe_wal_bytes = row.number<std::int64_t>(0, 7);
  slot.invalidation_reason = row.string(0, 8);
  return ok();
}

Status read_publication(Connection& replication, std::string_view name, SessionFacts& facts) {
  TRY(const QueryResult row, replication.query("SELECT oid, " + made_by_luge("oid") + " FROM pg_publication WHERE pubname = " + quote_literal(name)));
  facts.publication_exists = row.rows() > 0;
  if (!facts.publication_exists) return ok();
  facts.publication_oid = row.number<std::uint32_t>(0, 0);
  facts.publication_made_by_luge = row.boolean(0, 1);
  return ok();
}

}  // namespace

Result<SessionFacts> read_session_facts(Connection& replication, std::string_view slot, std::string_view publication) {
  SessionFacts facts;
  facts.server_version = replication.server_version();
  CHECK_OK(read_identity(replication, facts));
  CHECK_OK(read_server(replication, facts));
  CHECK_OK(read_slot(replication, slot, facts));
  CHECK_OK(read_publication(replication, publication, facts));
  return facts;
}

Result<SessionFacts> read_slot_facts(Connection& sql, std::string_view slot) {
  SessionFacts facts;
  facts.server_version = sql.server_version();
  CHECK_OK(read_server(sql, facts));
  CHECK_OK(read_slot(sql, slot, facts));
  return facts;
}

std::vector<SessionFacts::Switch> parse_timeline_history(std::string_view content) {
  std::vector<SessionFacts::Switch> switches;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    std::string_view line = content.substr(0, end);
    content = end == std::string_view::npos ? std::string_view{} : content.substr(end + 1);
    SessionFacts::Switch entry;
    const auto [rest, failure] = std::from_chars(line.data(), line.data() + line.size(), entry.timeline);
    if (failure != std::errc{}) continue;
    line.remove_prefix(static_cast<std::size_t>(rest - line.data()));
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    line.remove_prefix(first);
    if (const auto at = Lsn::parse(line.substr(0, line.find_first_of(" \t\r")))) {
      entry.at = *at;
      switches.push_back(entry);
    }
  }
  return switches;
}

Duration parse_setting_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{}) return Duration{0};
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit == "us") return Duration{number};
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "min") return std::chrono::minutes(number);
  if (unit == "h") return std::chrono::hours(number);
  if (unit == "d") return std::chrono::hours(24 * number);
  return std::chrono::milliseconds(number);
}

}  // namespace luge
