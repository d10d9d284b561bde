#include "service/catalog/postgres_catalog.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <span>
#include <utility>
#include <vector>

#include "pipeline/wake_event.h"
#include "service/catalog/catalog_migration.h"
#include "service/catalog/edit_errors.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

using nlohmann::json;
using Parameter = std::optional<std::string>;

constexpr std::int64_t kMigrationLock = 0x6c756765'63617401;  // "lugecat": one process migrates, the others wait

/// A column, cut where it is longer than anything may be.
std::string cut(const std::string& column) { return "pg_catalog.left(" + column + ", " + std::to_string(kLongestCatalogText + 1) + ")"; }

std::optional<std::int64_t> optional_integer(const QueryResult& rows, std::size_t row, std::size_t column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.number<std::int64_t>(row, column);
}

Parameter text_of(const std::optional<std::int64_t>& number) {
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

/// What stands for no options at all: jsonb knows no empty text.
Parameter options_of(const std::string& options) { return options.empty() ? "{}" : options; }

json json_of(Lsn lsn) { return lsn.is_zero() ? json() : json(to_string(lsn)); }

/// A statement that changes rows; how many.
Result<std::uint64_t> change(Connection& sql, const std::string& statement, std::span<const Parameter> parameters) {
  TRY(const QueryResult result, sql.query(statement, parameters));
  return result.affected();
}

Result<std::int64_t> revision_of(Connection& sql) {
  TRY(const QueryResult rows, sql.query("SELECT revision FROM _luge.catalog_revision"));
  return rows.rows() == 0 ? std::int64_t{0} : rows.number<std::int64_t>(0, 0);
}

Status make_edit(Connection& sql, const CatalogEdit& edit) {
  if (const auto* row = std::get_if<SourceRow>(&edit)) {
    const std::array<Parameter, 3> values{row->name, row->conninfo, options_of(row->options)};
    CHECK_OK(change(sql,
                    "INSERT INTO _luge.source(name, conninfo, options) VALUES ($1, $2, $3) "
                    "ON CONFLICT (name) DO UPDATE SET conninfo = excluded.conninfo, options = excluded.options",
                    values));
  } else if (const auto* destination = std::get_if<DestinationRow>(&edit)) {
    const std::array<Parameter, 3> values{destination->name, destination->address, options_of(destination->options)};
    CHECK_OK(change(sql,
                    "INSERT INTO _luge.destination(name, address, options) VALUES ($1, $2, $3) "
                    "ON CONFLICT (name) DO UPDATE SET address = excluded.address, options = excluded.options",
                    values));
  } else if (const auto* pipeline = std::get_if<PipelineRow>(&edit)) {
    const std::array<Parameter, 10> values{pipeline->name,
                                           pipeline->source,
                                           pipeline->destination,
                                           pipeline->publication,
                                           pipeline->tables,
                                           pipeline->mode,
                                           text_of(pipeline->batch_max_size),
                                           text_of(pipeline->batch_max_fill_ms),
                                           pipeline->desired,
                                           options_of(pipeline->options)};
    CHECK_OK(change(sql,
                    "INSERT INTO _luge.pipeline(name, source, destination, publication, tables, mode, batch_max_size, batch_max_fill_ms, desired, "
                    "options) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO UPDATE SET source = excluded.source, "
                    "destination = excluded.destination, publication = excluded.publication, tables = excluded.tables, mode = excluded.mode, "
                    "batch_max_size = excluded.batch_max_size, batch_max_fill_ms = excluded.batch_max_fill_ms, desired = excluded.desired, "
                    "options = excluded.options",
                    values));
  } else if (const auto* desired = std::get_if<SetDesired>(&edit)) {
    const std::array<Parameter, 2> values{desired->pipeline, desired->desired};
    TRY(const std::uint64_t rows, change(sql, "UPDATE _luge.pipeline SET desired = $2 WHERE name = $1", values));
    if (rows == 0) return unknown_row(RowKind::pipeline, desired->pipeline);
  } else if (const auto* removed = std::get_if<RemoveRow>(&edit)) {
    const std::array<Parameter, 1> values{removed->name};
    TRY(const std::uint64_t rows, change(sql, "DELETE FROM _luge." + std::string(to_string(removed->kind)) + " WHERE name = $1", values));
    if (rows == 0) return unknown_row(removed->kind, removed->name);
  }
  return ok();
}

/// to_regclass() locks nothing, so in a transaction that has waited for the migration's lock it may not have heard of what was done meanwhile.
Result<bool> has_migrations(Connection& sql) {
  TRY(const QueryResult found, sql.query("SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                                         "WHERE n.nspname = '_luge' AND c.relname = 'catalog_migration')"));
  return found.boolean(0, 0);
}

Status refuse_in_use(Connection& sql, const RemoveRow& removed) {
  if (removed.kind == RowKind::pipeline) return ok();
  const std::array<Parameter, 1> values{removed.name};
  TRY(const QueryResult users,
      sql.query("SELECT name FROM _luge.pipeline WHERE " + std::string(to_string(removed.kind)) + " = $1 ORDER BY name LIMIT 1", values));
  return users.rows() == 0 ? ok() : in_use(removed, users.string(0, 0));
}

}  // namespace

Result<std::unique_ptr<PostgresCatalog>> PostgresCatalog::open(const ConnectionOptions& options) {
  std::unique_ptr<PostgresCatalog> catalog(new PostgresCatalog(options));
  CHECK_OK(catalog->migrate());
  return catalog;
}

Result<bool> PostgresCatalog::is_there(const ConnectionOptions& options) {
  TRY(Connection sql, Connection::open(options));
  return has_migrations(sql);
}

Status PostgresCatalog::migrate() {
  const auto version_of = [](Connection& sql) -> Result<std::int64_t> {
    TRY(const bool begun, has_migrations(sql));
    if (!begun) return std::int64_t{-1};
    TRY(const QueryResult rows, sql.query("SELECT coalesce(pg_catalog.max(version), 0) FROM _luge.catalog_migration"));
    return rows.number<std::int64_t>(0, 0);
  };
  while (true) {
    std::int64_t seen = 0;
    const Status looked = session_.use([&](Connection& sql) -> Status {
      TRY(seen, version_of(sql));
      return ok();
    });
    CHECK_OK(looked);
    // Whoever finds everything in place needs no right to create anything.
    TRY(const CatalogMigration* const missing, next_migration(postgres_migrations(), std::max<std::int64_t>(seen, 0), session_.description()));
    if (missing == nullptr) return ok();
    const Status stepped = session_.in_transaction([&](Connection& sql) -> Status {
      CHECK_OK(sql.query("SELECT pg_catalog.pg_advisory_xact_lock(" + std::to_string(kMigrationLock) + ")"));
      TRY(const std::int64_t version, version_of(sql));
      if (version < 0) {
        CHECK_OK(sql.exec("CREATE SCHEMA IF NOT EXISTS _luge"));
        return sql.exec(
            "CREATE TABLE _luge.catalog_migration(version bigint PRIMARY KEY, name text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT pg_catalog.now())");
      }
      TRY(const CatalogMigration* const next, next_migration(postgres_migrations(), version, session_.description()));
      if (next == nullptr) return ok();
      CHECK_OK(sql.exec(next->sql));
      const std::array<Parameter, 2> values{std::to_string(next->version), next->name};
      CHECK_OK(change(sql, "INSERT INTO _luge.catalog_migration(version, name) VALUES ($1, $2)", values));
      return ok();
    });
    CHECK_OK(stepped);
  }
}

Result<CatalogContents> PostgresCatalog::read() {
  CatalogContents contents;
  const Status status = session_.in_transaction(
      [&](Connection& sql) -> Status {
        TRY(contents.revision, revision_of(sql));
        TRY(const QueryResult sources,
            sql.query("SELECT " + cut("name") + ", " + cut("conninfo") + ", " + cut("options::text") + ", version FROM _luge.source"));
        for (std::size_t row = 0; row < sources.rows(); ++row) {
          contents.sources[sources.string(row, 0)] = {sources.string(row, 0), sources.string(row, 1), sources.string(row, 2),
                                                      sources.number<std::int64_t>(row, 3)};
        }
        TRY(const QueryResult destinations,
            sql.query("SELECT " + cut("name") + ", " + cut("address") + ", " + cut("options::text") + ", version FROM _luge.destination"));
        for (std::size_t row = 0; row < destinations.rows(); ++row) {
          contents.destinations[destinations.string(row, 0)] = {destinations.string(row, 0), destinations.string(row, 1), destinations.string(row, 2),
                                                                destinations.number<std::int64_t>(row, 3)};
        }
        TRY(const QueryResult pipelines,
            sql.query("SELECT " + cut("name") + ", " + cut("source") + ", " + cut("destination") + ", " + cut("publication") + ", " + cut("tables") +
                      ", " + cut("mode") + ", batch_max_size, batch_max_fill_ms, " + cut("desired") + ", " + cut("options::text") +
                      ", version FROM _luge.pipeline"));
        for (std::size_t row = 0; row < pipelines.rows(); ++row) {
          PipelineRow& found = contents.pipelines[pipelines.string(row, 0)];
          found = {pipelines.string(row, 0),
                   pipelines.string(row, 1),
                   pipelines.string(row, 2),
                   pipelines.string(row, 3),
                   pipelines.string(row, 4),
                   pipelines.string(row, 5),
                   optional_integer(pipelines, row, 6),
                   optional_integer(pipelines, row, 7),
                   pipelines.string(row, 8),
                   pipelines.string(row, 9),
                   pipelines.number<std::int64_t>(row, 10)};
        }
        return ok();
      },
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!status) return status.error();
  return contents;
}

Status PostgresCatalog::edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision) {
  for (const CatalogEdit& edit : edits) CHECK_OK(refuse_plain_secrets(edit));
  return session_.in_transaction([&](Connection& sql) -> Status {
    // Locked first, so that editors wait for each other here and not in each other's rows.
    TRY(const QueryResult revision, sql.query("SELECT revision FROM _luge.catalog_revision FOR UPDATE"));
    if (expected_revision && (revision.rows() == 0 || revision.number<std::int64_t>(0, 0) != *expected_revision)) return catalog_changed();
    for (const CatalogEdit& edit : edits) CHECK_OK(make_edit(sql, edit));
    for (const CatalogEdit& edit : edits) {
      if (const auto* removed = std::get_if<RemoveRow>(&edit)) CHECK_OK(refuse_in_use(sql, *removed));
    }
    return ok();
  });
}

Status PostgresCatalog::listen(const std::stop_token& stop) {
  if (listener_ && !listener_->broken()) return ok();
  listener_.reset();
  TRY(Connection opened, Connection::open(options_, Connection::Kind::sql, stop));
  CHECK_OK(opened.exec("LISTEN luge_catalog"));
  listener_.emplace(std::move(opened));
  return ok();
}

Result<std::int64_t> PostgresCatalog::await_change(std::int64_t known, Duration at_most, const std::stop_token& stop) {
  const std::lock_guard lock(listening_);
  auto revision = wait(known, at_most, stop);
  if (revision) return revision;
  listener_.reset();  // whatever it was: the next call listens anew, and reads what it may have missed
  Error error = std::move(revision).error();
  if (error.recovery == Recovery::reconnect) error.recovery = Recovery::retry;
  return error;
}

Result<std::int64_t> PostgresCatalog::wait(std::int64_t known, Duration at_most, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  CHECK_OK(listen(stop));
  const WakeEvent stopped;
  const std::stop_callback on_stop(stop, [&stopped] { stopped.notify(); });
  while (!stop.stop_requested()) {
    TRY(const std::int64_t revision, revision_of(*listener_));
    if (revision != known) return revision;
    // What was committed while the server answered is not in the answer, but may have been notified with it.
    TRY(const bool notified, listener_->take_notifications());
    if (notified) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) break;
    std::array<pollfd, 2> waits{pollfd{listener_->socket(), POLLIN, 0}, pollfd{stopped.fd(), POLLIN, 0}};
    poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (waits[0].revents != 0) CHECK_OK(listener_->take_notifications());
  }
  return known;
}

Status PostgresCatalog::write_statuses(std::span<const StatusRow> rows) {
  if (rows.empty()) return ok();
  json list = json::array();
  for (const StatusRow& row : rows) {
    list.push_back({{"pipeline", row.pipeline},
                    {"state", row.state},
                    {"reason", row.reason},
                    {"error_code", row.error_code},
                    {"error", row.error},
                    {"hint", row.hint},
                    {"server_lsn", json_of(row.server)},
                    {"received_lsn", json_of(row.received)},
                    {"durable_lsn", json_of(row.durable)},
                    {"acknowledged_lsn", json_of(row.acknowledged)},
                    {"lag_bytes", row.lag_bytes ? json(*row.lag_bytes) : json()},
                    {"lag_seconds", row.lag_seconds ? json(*row.lag_seconds) : json()},
                    {"tables", row.tables},
                    {"quarantined", row.quarantined},
                    {"restarts", row.restarts},
                    {"owner", row.owner},
                    {"fence", row.fence}});
  }
  // However many there are, it is one statement, which must not meet a key twice (two names may be cut to the same).
  const std::array<Parameter, 2> values{list.dump(-1, ' ', false, json::error_handler_t::replace), std::to_string(kStatusStaleAfterSeconds)};
  return session_.use([&](Connection& sql) -> Status {
    CHECK_OK(sql.query(
        "INSERT INTO _luge.pipeline_status AS known SELECT DISTINCT ON (r.pipeline) r.pipeline, r.state, r.reason, r.error_code, r.error, r.hint, "
        "r.server_lsn, "
        "r.received_lsn, "
        "r.durable_lsn, r.acknowledged_lsn, r.lag_bytes, r.lag_seconds, r.tables, r.quarantined, r.restarts, r.owner, r.fence, "
        "pg_catalog.clock_timestamp() "
        "FROM pg_catalog.json_to_recordset($1::json) AS r(pipeline text, state text, reason text, error_code text, error text, hint text, "
        "server_lsn pg_lsn, received_lsn pg_lsn, durable_lsn pg_lsn, acknowledged_lsn pg_lsn, lag_bytes bigint, lag_seconds float8, tables bigint, "
        "quarantined bigint, restarts bigint, owner text, fence bigint) ON CONFLICT (pipeline) DO UPDATE SET state = excluded.state, reason = "
        "excluded.reason, "
        "error_code = excluded.error_code, error = excluded.error, hint = excluded.hint, server_lsn = excluded.server_lsn, "
        "received_lsn = excluded.received_lsn, durable_lsn = excluded.durable_lsn, acknowledged_lsn = excluded.acknowledged_lsn, "
        "lag_bytes = excluded.lag_bytes, lag_seconds = excluded.lag_seconds, tables = excluded.tables, quarantined = excluded.quarantined, restarts "
        "= excluded.restarts, "
        "owner = excluded.owner, fence = excluded.fence, heartbeat_at = excluded.heartbeat_at WHERE known.fence <= excluded.fence "
        "OR pg_catalog.clock_timestamp() - known.heartbeat_at > pg_catalog.make_interval(secs => $2::float8)",
        values));
    return ok();
  });
}

Result<std::vector<StatusRow>> PostgresCatalog::read_statuses() {
  std::vector<StatusRow> statuses;
  const Status status = session_.use([&](Connection& sql) -> Status {
    statuses.clear();
    TRY(const QueryResult rows,
        sql.query("SELECT pipeline, state, reason, error_code, error, hint, server_lsn, received_lsn, durable_lsn, acknowledged_lsn, lag_bytes, "
                  "lag_seconds, tables, quarantined, restarts, owner, fence, pg_catalog.to_char(heartbeat_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
                  "greatest(0, extract(epoch FROM pg_catalog.clock_timestamp() - heartbeat_at))::float8 "
                  "FROM _luge.pipeline_status ORDER BY pipeline COLLATE \"C\""));
    for (std::size_t at = 0; at < rows.rows(); ++at) {
      StatusRow& row = statuses.emplace_back();
      row.pipeline = rows.string(at, 0);
      row.state = rows.string(at, 1);
      row.reason = rows.string(at, 2);
      row.error_code = rows.string(at, 3);
      row.error = rows.string(at, 4);
      row.hint = rows.string(at, 5);
      std::size_t column = 6;
      for (Lsn* lsn : {&row.server, &row.received, &row.durable, &row.acknowledged}) *lsn = Lsn::parse(rows.text(at, column++)).value_or(Lsn{});
      if (!rows.is_null(at, 10)) row.lag_bytes = rows.number<std::uint64_t>(at, 10);
      if (!rows.is_null(at, 11)) row.lag_seconds = rows.number<double>(at, 11);
      row.tables = rows.number<std::uint64_t>(at, 12);
      row.quarantined = rows.number<std::uint64_t>(at, 13);
      row.restarts = rows.number<std::uint64_t>(at, 14);
      row.owner = rows.string(at, 15);
      row.fence = rows.number<std::int64_t>(at, 16);
      row.heartbeat_at = rows.string(at, 17);
      row.heartbeat_age_seconds = rows.number<double>(at, 18);
    }
    return ok();
  });
  if (!status) return status.error();
  return statuses;
}

Status PostgresCatalog::keep_statuses(std::span<const std::string> keys) {
  const std::array<Parameter, 1> values{
      json(std::vector<std::string>(keys.begin(), keys.end())).dump(-1, ' ', false, json::error_handler_t::replace)};
  return session_.use([&](Connection& sql) -> Status {
    CHECK_OK(sql.query("DELETE FROM _luge.pipeline_status WHERE pipeline NOT IN (SELECT pg_catalog.json_array_elements_text($1::json))", values));
    return ok();
  });
}

Result<std::vector<AlertRow>> PostgresCatalog::read_alerts() {
  std::vector<AlertRow> alerts;
  const Status status = session_.use([&](Connection& sql) -> Status {
    alerts.clear();
    TRY(const QueryResult rows, sql.query("SELECT key, scope, document FROM _luge.alert ORDER BY key COLLATE \"C\""));
    for (std::size_t at = 0; at < rows.rows(); ++at) alerts.push_back({rows.string(at, 0), rows.string(at, 1), rows.string(at, 2)});
    return ok();
  });
  if (!status) return status.error();
  return alerts;
}

Status PostgresCatalog::write_alerts(std::span<const AlertRow> rows, std::span<const std::string> gone) {
  if (rows.empty() && gone.empty()) return ok();
  json put = json::array();
  for (const AlertRow& row : rows) put.push_back({{"key", row.key}, {"scope", row.scope}, {"document", row.document}});
  const auto text_of = [](const json& list) { return list.dump(-1, ' ', false, json::error_handler_t::replace); };
  const std::array<Parameter, 1> put_text{text_of(put)};
  const std::array<Parameter, 1> gone_text{text_of(json(std::vector<std::string>(gone.begin(), gone.end())))};
  return session_.in_transaction([&](Connection& sql) -> Status {
    CHECK_OK(
        sql.query("INSERT INTO _luge.alert SELECT DISTINCT ON (r.key) r.key, r.scope, r.document FROM pg_catalog.json_to_recordset($1::json) AS "
                  "r(key text, scope text, "
                  "document text) ON CONFLICT (key) DO UPDATE SET scope = excluded.scope, document = excluded.document",
                  put_text));
    CHECK_OK(sql.query("DELETE FROM _luge.alert WHERE key IN (SELECT pg_catalog.json_array_elements_text($1::json))", gone_text));
    return ok();
  });
}

}  // namespace luge
