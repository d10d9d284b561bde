#include "source/table_copy.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"
#include "source/catalog_reader.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr std::uint64_t kBlockBytes = 8192;
constexpr auto kFirstPause = std::chrono::milliseconds(10);
constexpr auto kLongestPause = std::chrono::milliseconds(500);
constexpr auto kReportAfter = std::chrono::seconds(3);
constexpr auto kReportRowsEvery = std::chrono::seconds(30);

/// False: stop was requested.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

Result<Snapshot> current_snapshot(Connection& sql) {
  TRY(const QueryResult rows, sql.query("SELECT pg_catalog.pg_current_snapshot()::text"));
  const auto snapshot = Snapshot::parse(rows.text(0, 0));
  if (!snapshot) return fatal("malformed", "pg_current_snapshot() answered something that is no snapshot");
  return *snapshot;
}

// A WAL file's name begins with the timeline that is written now, in eight hexadecimal digits (access/xlog_internal.h, XLogFileName). The
// control file tells it only after the first checkpoint.
constexpr std::string_view kTimelineSql = "pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)";

std::optional<std::uint32_t> parse_timeline(std::string_view digits) {
  std::uint32_t timeline = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), timeline, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return timeline;
}

Error gone(RelationOid oid) { return make_error(Recovery::retry, "gone", "table " + std::to_string(oid) + " does not exist any more"); }

/// By the name that was looked up just before. The table itself may still be there, under another one: the next try asks again.
Error gone(const TableName& name) {
  return make_error(Recovery::retry, "gone", "table " + to_string(name) + " was dropped or renamed while the copy waited for its lock");
}

/// Why this role could not read the whole table, with the SQL that helps. Row-level security of a partitioned table does not count:
/// its partitions are read one by one, and the stream carries all their rows too.
Status check_readable(CatalogReader& catalog, const CatalogTable& table) {
  TRY(const std::vector<TableFinding> findings, catalog.preflight({&table, 1}));
  for (const TableFinding& finding : findings) {
    const bool hidden = finding.kind == TableFinding::Kind::row_security && table.kind == 'r';
    if (finding.kind != TableFinding::Kind::not_readable && !hidden) continue;
    return make_error(Recovery::quarantine_table, sqlstate::kInsufficientPrivilege, finding.what,
                      finding.fix + " then: luge resync " + to_string(table.name));
  }
  return ok();
}

std::string lock_statement(const TableName& name) { return "LOCK TABLE " + quote_qualified(name.schema, name.table) + " IN ACCESS SHARE MODE"; }

/// A transaction whose first act was the lock: it has no snapshot yet.
Status begin_locked(Connection& sql, const TableName& name, const std::stop_token& stop) {
  for (;;) {
    CHECK_OK(sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    // LOCK takes no snapshot. TRUNCATE and rewrites are not MVCC-safe: a snapshot older than the lock would read an empty table.
    Status locked = sql.exec(lock_statement(name));
    if (locked) return ok();
    const std::string& code = locked.error().code;
    if (code == sqlstate::kUndefinedTable || code == sqlstate::kInvalidSchemaName) return gone(name);
    if (code != sqlstate::kLockNotAvailable || stop.stop_requested()) return locked;
    CHECK_OK(sql.exec("ROLLBACK"));
  }
}

}  // namespace

Status wait_for_old_transactions(Connection& sql, const std::stop_token& stop, const std::function<void(const std::string&)>& on_wait) {
  TRY(const QueryResult recovery, sql.query("SELECT pg_catalog.pg_is_in_recovery()"));
  if (recovery.boolean(0, 0)) {
    return fatal("standby", "initial copies need the primary: a standby cannot tell which transactions still run", "connect to the primary");
  }
  // A number of our own is above every one given out so far. The xmax of a snapshot is not: it is one past the newest that has *ended*,
  // so a transaction that runs may lie at or above it.
  TRY(const QueryResult own, sql.query("SELECT pg_catalog.pg_current_xact_id()"));
  const Xid horizon = own.number<Xid>(0, 0);
  auto time = kFirstPause;
  std::chrono::milliseconds waited{0};
  std::chrono::milliseconds report_at = kReportAfter;
  for (;;) {
    TRY(const Snapshot now, current_snapshot(sql));
    if (old_transactions_gone(now, horizon)) return ok();
    if (waited >= report_at) {
      TRY(const std::string who, describe_old_transactions(sql));
      on_wait(who);
      report_at += kReportRowsEvery;
    }
    if (!pause(time, stop)) return make_error(Recovery::retry, sqlstate::kQueryCanceled, "stopped");
    waited += time;
    time = std::min<std::chrono::milliseconds>(time * 2, kLongestPause);
  }
}

Result<TableCopy> TableCopy::open(Connection sql, RelationOid oid, const std::string& publication, const std::stop_token& stop) {
  CatalogReader catalog(sql, publication);
  TRY(const auto before, catalog.describe_table(oid));
  if (!before) return gone(oid);
  CHECK_OK(check_readable(catalog, *before));
  CHECK_OK(begin_locked(sql, before->name, stop));
  TRY(const QueryResult taken, sql.query("SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_export_snapshot(), "
                                         "pg_catalog.pg_current_wal_insert_lsn()::text, " +
                                         std::string(kTimelineSql)));
  auto snapshot = Snapshot::parse(taken.text(0, 0));
  const auto read_at = Lsn::parse(taken.text(0, 2));
  const auto timeline = parse_timeline(taken.text(0, 3));
  if (!snapshot || !read_at || !timeline) return fatal("malformed", "pg_current_snapshot() or pg_current_wal_insert_lsn() answered something else");
  snapshot->timeline = *timeline;
  TRY(auto table, catalog.describe_table(oid));
  if (!table) return gone(oid);
  if (table->name != before->name)
    return make_error(Recovery::retry, "renamed", "table " + to_string(before->name) + " was renamed while it was being locked");
  return TableCopy(std::move(sql), std::move(*table), std::move(*snapshot), taken.string(0, 1), *read_at);
}

// Reading it through the root instead would copy the rows of the foreign partitions, which the stream never changes again.
Error TableCopy::unreadable_leaf(const TableName& leaf, const std::string& role) const {
  return make_error(Recovery::quarantine_table, sqlstate::kInsufficientPrivilege,
                    "this role may not read " + to_string(leaf) + ", and " + to_string(table_.name) +
                        " cannot be read through its root: a foreign table is among its partitions, whose rows are not in the WAL",
                    "GRANT USAGE ON SCHEMA " + quote_identifier(leaf.schema) + " TO " + role + "; GRANT SELECT ON " +
                        quote_qualified(leaf.schema, leaf.table) + " TO " + role + "; then: luge resync " + to_string(table_.name));
}

Result<std::vector<CopyRange>> TableCopy::plan(std::uint64_t bytes) {
  const std::string oid = std::to_string(table_.oid);
  const std::string leaves = table_.kind == 'p' ? "SELECT relid AS oid FROM pg_catalog.pg_partition_tree(" + oid + ") WHERE isleaf"
                                                : "SELECT " + oid + "::pg_catalog.oid AS oid";
  // A foreign table may be a partition; its rows are not in the WAL, so they are not copied either.
  TRY(const QueryResult rows,
      sql_.query("SELECT n.nspname, c.relname, CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END, "
                 "has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'), bool_or(c.relkind = 'f') OVER (), "
                 "quote_ident(current_user), c.relkind = 'r' FROM (" +
                 leaves +
                 ") leaf JOIN pg_catalog.pg_class c ON c.oid = leaf.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                 "WHERE c.relkind IN ('r', 'f') ORDER BY c.relkind DESC, c.oid"));
  for (std::size_t row = 0; row < rows.rows() && rows.boolean(row, 6); ++row) {
    if (rows.boolean(row, 3)) continue;
    if (rows.boolean(row, 4)) return unreadable_leaf({rows.string(row, 0), rows.string(row, 1)}, rows.string(row, 5));
    return std::vector<CopyRange>{{table_.name, true, 0, 0}};
  }
  const std::uint64_t step = std::max<std::uint64_t>(1, bytes / kBlockBytes);
  std::vector<CopyRange> ranges;
  for (std::size_t row = 0; row < rows.rows() && rows.boolean(row, 6); ++row) {
    const TableName leaf{rows.string(row, 0), rows.string(row, 1)};
    const std::uint64_t blocks = sql_.server_version() >= 140000 ? rows.number<std::uint64_t>(row, 2) / kBlockBytes : 0;
    std::uint64_t first = 0;
    for (; first + step < blocks; first += step) ranges.push_back({leaf, false, first, first + step});
    ranges.push_back({leaf, false, first, 0});
  }
  return ranges;
}

std::string TableCopy::copy_command(const CopyRange& range, const std::vector<CopyColumn>& columns) const {
  std::string list;
  for (const CopyColumn& column : columns) {
    const std::string name = quote_identifier(column.name);
    if (!list.empty()) list += ", ";
    // format('%s') calls the type's output function; a cast to text would change inet and char(n). It writes NULL as '', and IS NULL
    // would take a composite of NULLs for one: IS DISTINCT FROM NULL does not.
    list += column.as_text ? "CASE WHEN " + name + " IS DISTINCT FROM NULL THEN pg_catalog.format('%s', " + name + ") END" : name;
  }
  std::vector<std::string> conditions;
  if (range.first_block > 0) conditions.push_back("ctid >= '(" + std::to_string(range.first_block) + ",0)'::pg_catalog.tid");
  if (range.end_block > 0) conditions.push_back("ctid < '(" + std::to_string(range.end_block) + ",0)'::pg_catalog.tid");
  if (table_.row_filter) conditions.push_back("(" + *table_.row_filter + ")");
  std::string where;
  for (const std::string& condition : conditions) where += (where.empty() ? " WHERE " : " AND ") + condition;
  return "COPY (SELECT " + list + (range.with_children ? " FROM " : " FROM ONLY ") + quote_qualified(range.leaf.schema, range.leaf.table) + where +
         ") TO STDOUT (FORMAT binary)";
}

Status TableCopy::finish() { return sql_.exec("COMMIT"); }

Result<Connection> join_snapshot(const ConnectionOptions& options, const TableCopy& copy, const std::stop_token& stop) {
  TRY(Connection sql, Connection::open(options, Connection::Kind::sql, stop));
  CHECK_OK(sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  CHECK_OK(sql.exec("SET TRANSACTION SNAPSHOT " + quote_literal(copy.exported_name())));
  CHECK_OK(sql.exec("SET LOCAL lock_timeout = '1s'"));
  CHECK_OK(sql.exec(lock_statement(copy.table().name)));
  return sql;
}

Result<std::optional<Lsn>> settled_position(Connection& sql, const Snapshot& snapshot) {
  TRY(const Snapshot now, current_snapshot(sql));
  if (!old_transactions_gone(now, snapshot.xmax)) return std::optional<Lsn>{};
  // The insert position: with synchronous_commit=off a transaction is visible before its commit record is written.
  TRY(const QueryResult rows, sql.query("SELECT pg_catalog.pg_current_wal_insert_lsn(), " + std::string(kTimelineSql)));
  const auto lsn = Lsn::parse(rows.text(0, 0));
  // Another server answers at the same address: which of the snapshot's transactions it has, and when, its xids do not tell.
  if (parse_timeline(rows.text(0, 1)) != snapshot.timeline) return std::optional<Lsn>{};
  if (!lsn) return fatal("malformed", "pg_current_wal_insert_lsn() answered something that is no LSN");
  return std::optional<Lsn>{reachable_position(*lsn)};
}

}  // namespace luge
