#include "service/catalog/sqlite_catalog.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <set>
#include <utility>

#include "service/catalog/catalog_migration.h"
#include "service/catalog/edit_errors.h"
#include "service/catalog/secret_text.h"
#include "service/catalog/sqlite_database.h"

namespace luge {

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(500);

/// A column, cut where it is longer than anything may be. By bytes: by characters, SQLite ends at a NUL, and one name could read as another.
std::string cut(const std::string& column) {
  return "CAST(substr(CAST(" + column + " AS BLOB), 1, " + std::to_string(kLongestCatalogText + 1) + ") AS TEXT)";
}

std::optional<std::string> text_of(Lsn lsn) {
  if (lsn.is_zero()) return std::nullopt;
  return to_string(lsn);
}

std::optional<std::int64_t> integer_of(const std::optional<std::uint64_t>& number) {
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace

SqliteCatalog::SqliteCatalog(std::unique_ptr<SqliteDatabase> database, std::unique_ptr<SqliteDatabase> statuses)
    : database_(std::move(database)), statuses_(std::move(statuses)) {}
SqliteCatalog::~SqliteCatalog() = default;

std::string SqliteCatalog::description() const { return "sqlite:" + database_->path(); }

Result<std::unique_ptr<SqliteCatalog>> SqliteCatalog::open(const std::string& path) {
  // Somebody else's database gets no tables of luge's. A file that is busy is becoming a catalog just now.
  if (const auto looked = is_there(path); !looked && looked.error().code != "catalog_busy") return looked.error();
  TRY(auto database, SqliteDatabase::open(path));
  TRY(auto statuses, SqliteDatabase::open(path, SqliteDatabase::Commits::recent_ones_may_be_lost));
  std::unique_ptr<SqliteCatalog> catalog(new SqliteCatalog(std::move(database), std::move(statuses)));
  CHECK_OK(catalog->migrate());
  return catalog;
}

Result<bool> SqliteCatalog::is_there(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  TRY(const auto database, SqliteDatabase::look_into(path));
  TRY(const std::int64_t begun, database->number("SELECT count(*) FROM sqlite_schema WHERE name = 'catalog_migration'"));
  if (begun != 0) return true;
  TRY(const std::int64_t others, database->number("SELECT count(*) FROM sqlite_schema"));
  if (others == 0) return false;
  return fatal("not_a_catalog", path + " is an SQLite database of something else: it has tables, and none of a catalog",
               "give --catalog another path; nothing was changed there");
}

Status SqliteCatalog::migrate() {
  const std::lock_guard lock(database_->mutex());
  constexpr const char* kVersion = "SELECT coalesce(max(version), 0) FROM catalog_migration";
  TRY(const std::int64_t begun, database_->number("SELECT count(*) FROM sqlite_schema WHERE name = 'catalog_migration'"));
  if (begun == 0) {
    CHECK_OK(database_->run(
        "CREATE TABLE IF NOT EXISTS catalog_migration(version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT"));
  }
  while (true) {
    TRY(const std::int64_t before, database_->number(kVersion));
    TRY(const CatalogMigration* const seen, next_migration(sqlite_migrations(), before, database_->path()));
    if (seen == nullptr) return ok();
    const Status stepped = database_->in_transaction([&]() -> Status {
      TRY(const std::int64_t version, database_->number(kVersion));  // another process may have been faster
      TRY(const CatalogMigration* const next, next_migration(sqlite_migrations(), version, database_->path()));
      if (next == nullptr) return ok();
      CHECK_OK(database_->run(next->sql));
      SqliteQuery note(*database_, "INSERT INTO catalog_migration VALUES (?1, ?2, datetime('now'))");
      CHECK_OK(note.bind(1, next->version).bind(2, next->name).finish());
      return ok();
    });
    CHECK_OK(stepped);
  }
}

Result<CatalogContents> SqliteCatalog::read() {
  const std::lock_guard lock(database_->mutex());
  CatalogContents contents;
  const Status status = database_->in_snapshot([&]() -> Status {
    TRY(contents.revision, database_->number("SELECT revision FROM catalog_revision"));
    SqliteQuery sources(*database_, "SELECT " + cut("name") + ", " + cut("conninfo") + ", " + cut("options") + ", version FROM source");
    while (true) {
      TRY(const bool row, sources.step());
      if (!row) break;
      contents.sources[sources.text(0)] = {sources.text(0), sources.text(1), sources.text(2), sources.integer(3)};
    }
    SqliteQuery destinations(*database_, "SELECT " + cut("name") + ", " + cut("address") + ", " + cut("options") + ", version FROM destination");
    while (true) {
      TRY(const bool row, destinations.step());
      if (!row) break;
      contents.destinations[destinations.text(0)] = {destinations.text(0), destinations.text(1), destinations.text(2), destinations.integer(3)};
    }
    SqliteQuery pipelines(*database_, "SELECT " + cut("name") + ", " + cut("source") + ", " + cut("destination") + ", " + cut("publication") + ", " +
                                          cut("tables") + ", " + cut("mode") + ", batch_max_size, batch_max_fill_ms, " + cut("desired") + ", " +
                                          cut("options") + ", version FROM pipeline");
    while (true) {
      TRY(const bool row, pipelines.step());
      if (!row) return ok();
      PipelineRow& found = contents.pipelines[pipelines.text(0)];
      found = {pipelines.text(0),
               pipelines.text(1),
               pipelines.text(2),
               pipelines.text(3),
               pipelines.text(4),
               pipelines.text(5),
               pipelines.optional_integer(6),
               pipelines.optional_integer(7),
               pipelines.text(8),
               pipelines.text(9),
               pipelines.integer(10)};
    }
  });
  if (!status) return status.error();
  return contents;
}

Status SqliteCatalog::edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision) {
  for (const CatalogEdit& edit : edits) CHECK_OK(refuse_plain_secrets(edit));
  const std::lock_guard lock(database_->mutex());
  return database_->in_transaction([&]() -> Status {
    TRY(const std::int64_t revision, database_->number("SELECT revision FROM catalog_revision"));
    if (expected_revision && *expected_revision != revision) return catalog_changed();
    for (const CatalogEdit& edit : edits) CHECK_OK(apply(edit));
    for (const CatalogEdit& edit : edits) {
      if (const auto* removed = std::get_if<RemoveRow>(&edit)) CHECK_OK(refuse_in_use(*removed));
    }
    return ok();
  });
}

Status SqliteCatalog::apply(const CatalogEdit& edit) {
  if (const auto* row = std::get_if<SourceRow>(&edit)) {
    SqliteQuery put(*database_,
                    "INSERT INTO source(name, conninfo, options) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (name) DO UPDATE SET conninfo = ?2, options = ?3");
    CHECK_OK(put.bind(1, row->name).bind(2, row->conninfo).bind(3, row->options).finish());
  } else if (const auto* destination = std::get_if<DestinationRow>(&edit)) {
    SqliteQuery put(*database_,
                    "INSERT INTO destination(name, address, options) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (name) DO UPDATE SET address = ?2, options = ?3");
    CHECK_OK(put.bind(1, destination->name).bind(2, destination->address).bind(3, destination->options).finish());
  } else if (const auto* pipeline = std::get_if<PipelineRow>(&edit)) {
    SqliteQuery put(*database_,
                    "INSERT INTO pipeline(name, source, destination, publication, tables, mode, batch_max_size, batch_max_fill_ms, desired, options) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (name) DO UPDATE SET source = ?2, destination = ?3, "
                    "publication = ?4, tables = ?5, mode = ?6, batch_max_size = ?7, batch_max_fill_ms = ?8, desired = ?9, options = ?10");
    put.bind(1, pipeline->name).bind(2, pipeline->source).bind(3, pipeline->destination).bind(4, pipeline->publication).bind(5, pipeline->tables);
    put.bind(6, pipeline->mode).bind(7, pipeline->batch_max_size).bind(8, pipeline->batch_max_fill_ms).bind(9, pipeline->desired);
    CHECK_OK(put.bind(10, pipeline->options).finish());
  } else if (const auto* desired = std::get_if<SetDesired>(&edit)) {
    SqliteQuery set(*database_, "UPDATE pipeline SET desired = ?2 WHERE name = ?1");
    TRY(const std::int64_t rows, set.bind(1, desired->pipeline).bind(2, desired->desired).finish());
    if (rows == 0) return unknown_row(RowKind::pipeline, desired->pipeline);
  } else if (const auto* removed = std::get_if<RemoveRow>(&edit)) {
    SqliteQuery erase(*database_, "DELETE FROM " + std::string(to_string(removed->kind)) + " WHERE name = ?1");
    TRY(const std::int64_t rows, erase.bind(1, removed->name).finish());
    if (rows == 0) return unknown_row(removed->kind, removed->name);
  }
  return ok();
}

Status SqliteCatalog::refuse_in_use(const RemoveRow& removed) {
  if (removed.kind == RowKind::pipeline) return ok();
  SqliteQuery users(*database_, "SELECT name FROM pipeline WHERE " + std::string(to_string(removed.kind)) + " = ?1 ORDER BY name LIMIT 1");
  TRY(const bool used, users.bind(1, removed.name).step());
  return used ? in_use(removed, users.text(0)) : ok();
}

Result<std::int64_t> SqliteCatalog::await_change(std::int64_t known, Duration at_most, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  std::mutex mutex;
  std::condition_variable_any never;
  while (true) {
    std::int64_t revision = 0;
    {
      const std::lock_guard lock(database_->mutex());
      TRY(revision, database_->number("SELECT revision FROM catalog_revision"));
    }
    const auto now = std::chrono::steady_clock::now();
    if (revision != known || now >= deadline || stop.stop_requested()) return revision;
    std::unique_lock lock(mutex);
    never.wait_until(lock, stop, std::min(deadline, now + std::chrono::steady_clock::duration(kPollInterval)), [] { return false; });
  }
}

Status SqliteCatalog::write_statuses(std::span<const StatusRow> rows) {
  if (rows.empty()) return ok();
  const std::lock_guard lock(statuses_->mutex());
  return statuses_->in_transaction([&]() -> Status {
    for (const StatusRow& row : rows) {
      SqliteQuery put(*statuses_,
                      "INSERT INTO pipeline_status VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
                      "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) ON CONFLICT (pipeline) DO UPDATE SET state = excluded.state, reason = excluded.reason, "
                      "error_code = excluded.error_code, error = excluded.error, hint = excluded.hint, server_lsn = excluded.server_lsn, "
                      "received_lsn = excluded.received_lsn, durable_lsn = excluded.durable_lsn, acknowledged_lsn = excluded.acknowledged_lsn, "
                      "lag_bytes = excluded.lag_bytes, lag_seconds = excluded.lag_seconds, tables = excluded.tables, quarantined = "
                      "excluded.quarantined, restarts = excluded.restarts, "
                      "owner = excluded.owner, fence = excluded.fence, heartbeat_at = excluded.heartbeat_at "
                      "WHERE pipeline_status.fence <= excluded.fence "
                      "OR coalesce((julianday('now') - julianday(pipeline_status.heartbeat_at)) * 86400.0 > ?18, 1)");
      put.bind(1, row.pipeline).bind(2, row.state).bind(3, row.reason).bind(4, row.error_code).bind(5, row.error).bind(6, row.hint);
      int column = 7;
      for (const Lsn lsn : {row.server, row.received, row.durable, row.acknowledged}) put.bind_or_null(column++, text_of(lsn));
      put.bind(11, integer_of(row.lag_bytes)).bind(12, row.lag_seconds).bind(13, static_cast<std::int64_t>(row.tables));
      put.bind(14, static_cast<std::int64_t>(row.quarantined)).bind(15, static_cast<std::int64_t>(row.restarts)).bind(16, row.owner);
      CHECK_OK(put.bind(17, row.fence).bind(18, std::optional<double>(kStatusStaleAfterSeconds)).finish());
    }
    return ok();
  });
}

Result<std::vector<StatusRow>> SqliteCatalog::read_statuses() {
  const std::lock_guard lock(statuses_->mutex());
  SqliteQuery query(*statuses_,
                    "SELECT pipeline, state, reason, error_code, error, hint, server_lsn, received_lsn, durable_lsn, acknowledged_lsn, lag_bytes, "
                    "lag_seconds, tables, quarantined, restarts, owner, fence, heartbeat_at, (julianday('now') - julianday(heartbeat_at)) * 86400.0 "
                    "FROM pipeline_status ORDER BY pipeline");
  std::vector<StatusRow> rows;
  while (true) {
    TRY(const bool found, query.step());
    if (!found) return rows;
    StatusRow& row = rows.emplace_back();
    row.pipeline = query.text(0);
    row.state = query.text(1);
    row.reason = query.text(2);
    row.error_code = query.text(3);
    row.error = query.text(4);
    row.hint = query.text(5);
    int column = 6;
    for (Lsn* lsn : {&row.server, &row.received, &row.durable, &row.acknowledged}) *lsn = Lsn::parse(query.text(column++)).value_or(Lsn{});
    if (const auto bytes = query.optional_integer(10)) row.lag_bytes = static_cast<std::uint64_t>(*bytes);
    row.lag_seconds = query.optional_real(11);
    row.tables = static_cast<std::uint64_t>(query.integer(12));
    row.quarantined = static_cast<std::uint64_t>(query.integer(13));
    row.restarts = static_cast<std::uint64_t>(query.integer(14));
    row.owner = query.text(15);
    row.fence = query.integer(16);
    row.heartbeat_at = query.text(17);
    row.heartbeat_age_seconds = std::max(0.0, query.optional_real(18).value_or(0));
  }
}

Status SqliteCatalog::keep_statuses(std::span<const std::string> keys) {
  const std::lock_guard lock(statuses_->mutex());
  const std::set<std::string, std::less<>> kept(keys.begin(), keys.end());
  std::vector<std::string> gone;
  SqliteQuery query(*statuses_, "SELECT pipeline FROM pipeline_status");
  while (true) {
    TRY(const bool found, query.step());
    if (!found) break;
    if (std::string key = query.text(0); !kept.contains(key)) gone.push_back(std::move(key));
  }
  if (gone.empty()) return ok();
  return statuses_->in_transaction([&]() -> Status {
    for (const std::string& key : gone) {
      SqliteQuery erase(*statuses_, "DELETE FROM pipeline_status WHERE pipeline = ?1");
      CHECK_OK(erase.bind(1, key).finish());
    }
    return ok();
  });
}

Result<std::vector<AlertRow>> SqliteCatalog::read_alerts() {
  const std::lock_guard lock(statuses_->mutex());
  SqliteQuery query(*statuses_, "SELECT key, scope, document FROM alert ORDER BY key");
  std::vector<AlertRow> rows;
  while (true) {
    TRY(const bool found, query.step());
    if (!found) return rows;
    rows.push_back({query.text(0), query.text(1), query.text(2)});
  }
}

Status SqliteCatalog::write_alerts(std::span<const AlertRow> rows, std::span<const std::string> gone) {
  if (rows.empty() && gone.empty()) return ok();
  const std::lock_guard lock(statuses_->mutex());
  return statuses_->in_transaction([&]() -> Status {
    for (const AlertRow& row : rows) {
      SqliteQuery put(*statuses_, "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3)");
      CHECK_OK(put.bind(1, row.key).bind(2, row.scope).bind(3, row.document).finish());
    }
    for (const std::string& key : gone) {
      SqliteQuery erase(*statuses_, "DELETE FROM alert WHERE key = ?1");
      CHECK_OK(erase.bind(1, key).finish());
    }
    return ok();
  });
}

}  // namespace luge
