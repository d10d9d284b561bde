#include "service/catalog/sqlite_database.h"

#include <chrono>
#include <cstring>
#include <sqlite3.h>
#include <thread>
#include <utility>

#include "state/private_path.h"

namespace luge {

namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kSwitchAttempts = 100;

Error unwritable(const std::string& path, int number) {
  return fatal("catalog_unwritable", "cannot create the catalog " + path + ": " + std::strerror(number),
               "check the owner and the mode of the directory, or give --catalog");
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path, Commits commits) {
  if (const auto trouble = make_private_file(path)) return unwritable(trouble->path, trouble->number);
  TRY(std::unique_ptr<SqliteDatabase> database, look_into(path));
  // Nobody waits for the switch to WAL by himself: SQLite calls no busy handler there.
  Status ready = database->run("PRAGMA journal_mode=WAL");
  for (int attempt = 0; attempt < kSwitchAttempts && !ready && ready.error().code == "catalog_busy"; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kBusyTimeoutMs / kSwitchAttempts));
    ready = database->run("PRAGMA journal_mode=WAL");
  }
  CHECK_OK(ready);
  CHECK_OK(database->run(commits == Commits::durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  CHECK_OK(database->run("PRAGMA trusted_schema=OFF"));
  return database;
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::look_into(const std::string& path) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path));
  const int flags = SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_READWRITE;
  if (const int code = sqlite3_open_v2(path.c_str(), &database->connection_, flags, nullptr); code != SQLITE_OK)
    return database->error(code, "cannot open");
  sqlite3_extended_result_codes(database->connection_, 1);
  sqlite3_busy_timeout(database->connection_, kBusyTimeoutMs);
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Error SqliteDatabase::error(int code, std::string_view doing) const {
  const std::string what = std::string(doing) + " the catalog " + path_ + ": " + sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return needs_operator("catalog_corrupt", what,
                            "mirrors and states are untouched; restore the file from a backup, or `luge apply -f` a new one");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return make_error(Recovery::retry, "catalog_busy", what, "another process holds the file; end it or wait");
    case SQLITE_FULL: return make_error(Recovery::retry, "disk_full", what, "free space on the disk that holds the catalog");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return fatal("catalog_unwritable", what, "check the owner and the mode of the file and its directory, or give --catalog");
    default: break;
  }
  return make_error(Recovery::retry, "catalog_io", what, "check the disk, and the file's tables if somebody changed them");
}

Status SqliteDatabase::run(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return ok();
  return error(code, "cannot use");
}

Result<std::int64_t> SqliteDatabase::number(std::string_view sql) {
  SqliteQuery query(*this, sql);
  TRY(const bool row, query.step());
  return row ? query.integer(0) : std::int64_t{0};
}

Status SqliteDatabase::between(const char* begin, const std::function<Status()>& body) {
  CHECK_OK(run(begin));
  Status status = body();
  if (status) status = run("COMMIT");
  if (!status && sqlite3_get_autocommit(connection_) == 0) {
    const Status rolled_back = run("ROLLBACK");  // a failure here changes nothing: the first error is the one to tell
    static_cast<void>(rolled_back.has_value());
  }
  return status;
}

SqliteQuery::SqliteQuery(SqliteDatabase& database, std::string_view sql) : database_(database), sql_(sql) {
  if (const auto kept = database.prepared_.find(sql); kept != database.prepared_.end()) {
    statement_ = kept->second;
    database.prepared_.erase(kept);
    return;
  }
  failed_ = sqlite3_prepare_v3(database.connection_, sql_.data(), static_cast<int>(sql_.size()), SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
}

SqliteQuery::~SqliteQuery() {
  if (failed_ != SQLITE_OK) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  database_.prepared_.emplace(sql_, statement_);
}

SqliteQuery& SqliteQuery::bind(int index, std::string_view text) {
  const char* const bytes = text.data() == nullptr ? "" : text.data();  // no address would mean NULL
  if (failed_ == SQLITE_OK) failed_ = sqlite3_bind_text64(statement_, index, bytes, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

SqliteQuery& SqliteQuery::bind(int index, std::int64_t number) {
  if (failed_ == SQLITE_OK) failed_ = sqlite3_bind_int64(statement_, index, number);
  return *this;
}

SqliteQuery& SqliteQuery::bind(int index, const std::optional<std::int64_t>& number) {
  if (failed_ == SQLITE_OK) failed_ = number ? sqlite3_bind_int64(statement_, index, *number) : sqlite3_bind_null(statement_, index);
  return *this;
}

SqliteQuery& SqliteQuery::bind(int index, const std::optional<double>& number) {
  if (failed_ == SQLITE_OK) failed_ = number ? sqlite3_bind_double(statement_, index, *number) : sqlite3_bind_null(statement_, index);
  return *this;
}

SqliteQuery& SqliteQuery::bind_or_null(int index, const std::optional<std::string>& text) {
  if (text) return bind(index, std::string_view(*text));
  if (failed_ == SQLITE_OK) failed_ = sqlite3_bind_null(statement_, index);
  return *this;
}

Result<bool> SqliteQuery::step() {
  if (failed_ == SQLITE_OK) {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    failed_ = code;
  }
  return database_.error(failed_, "cannot use");
}

Result<std::int64_t> SqliteQuery::finish() {
  while (true) {
    TRY(const bool row, step());
    if (!row) return static_cast<std::int64_t>(sqlite3_changes(database_.connection_));
  }
}

std::int64_t SqliteQuery::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string SqliteQuery::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::int64_t> SqliteQuery::optional_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::optional<double> SqliteQuery::optional_real(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_double(statement_, column);
}

}  // namespace luge
