#include "state/sqlite/sqlite_state_store.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <sqlite3.h>

#include "state/private_path.h"
#include "state/sqlite/sqlite_statement.h"
#include "state/state_record_json.h"

namespace luge {

namespace {

constexpr std::int64_t kFormat = 1;
constexpr int kApplicationId = 0x6c756765;  // "luge"
constexpr int kBusyTimeoutMs = 5000;

/// SQLite checks its pages' structure, not their contents: a flipped bit in an LSN needs a checksum of our own (FNV-1a, 64 bits).
std::int64_t checksum(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return static_cast<std::int64_t>(hash);
}

std::int64_t wall_seconds() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Error unwritable(const std::string& path, int number) {
  return fatal("state_unwritable", "cannot create the state file " + path + ": " + std::strerror(number),
               "check the owner and the mode of the directory, or give --state");
}

Status create_file(const std::string& path) {
  if (const auto trouble = make_private_file(path)) return unwritable(trouble->path, trouble->number);
  return ok();
}

Status missing(const std::string& path) { return fatal("state_missing", "there is no state in " + path, "give --to, --pipeline or --state"); }

Error fenced(const Lease& lease, std::int64_t newest) {
  return fatal("fenced",
               "another luge owns the pipeline " + lease.pipeline + " now (fence " + std::to_string(newest) + ", this one has " +
                   std::to_string(lease.fence) + ")",
               "let one process run each pipeline");
}

}  // namespace

class SqliteStateStore::Impl {
 public:
  ~Impl() { sqlite3_close(connection_); }

  Status open(const std::string& path, bool writing) {
    path_ = path;
    const int flags = SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_READWRITE;
    if (const int code = sqlite3_open_v2(path.c_str(), &connection_, flags, nullptr); code != SQLITE_OK)
      return sqlite_error(code, "cannot open", path);
    sqlite3_extended_result_codes(connection_, 1);
    sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
    CHECK_OK(check_integrity());
    if (!writing) {
      TRY(const std::int64_t format, number("PRAGMA user_version"));
      return format == 0 ? missing(path) : ok();
    }
    CHECK_OK(run("PRAGMA journal_mode=WAL"));
    CHECK_OK(run("PRAGMA synchronous=FULL"));
    return in_transaction([&]() -> Status {
      TRY(const std::int64_t format, number("PRAGMA user_version"));
      if (format > kFormat) {
        return fatal("state_newer",
                     "the state file " + path_ + " has format " + std::to_string(format) + ", this luge knows " + std::to_string(kFormat),
                     "run the newer luge again");
      }
      CHECK_OK(
          run("CREATE TABLE IF NOT EXISTS ledger(pipeline TEXT, key TEXT, value TEXT NOT NULL, checksum INTEGER NOT NULL, "
              "PRIMARY KEY (pipeline, key)) STRICT, WITHOUT ROWID"));
      if (format == kFormat) return ok();
      CHECK_OK(run("CREATE TABLE owner(pipeline TEXT PRIMARY KEY, fence INTEGER NOT NULL) STRICT"));
      CHECK_OK(run("CREATE TABLE state(pipeline TEXT PRIMARY KEY, record TEXT NOT NULL, checksum INTEGER NOT NULL, saved_at TEXT NOT NULL) STRICT"));
      CHECK_OK(run("PRAGMA application_id=" + std::to_string(kApplicationId)));
      return run("PRAGMA user_version=" + std::to_string(kFormat));
    });
  }

  Result<Lease> acquire(const std::string& pipeline) {
    std::lock_guard lock(mutex_);
    Lease lease{pipeline, 0};
    const Status acquired = in_transaction([&]() -> Status {
      TRY(const std::int64_t newest, newest_fence(pipeline));
      const std::int64_t next = std::max(newest + 1, wall_seconds());
      SqliteStatement write(connection_, path_, "INSERT INTO owner VALUES (?1, ?2) ON CONFLICT (pipeline) DO UPDATE SET fence = ?2");
      CHECK_OK(write.bind(1, pipeline).bind(2, next).step());
      lease.fence = static_cast<Fence>(next);
      return ok();
    });
    if (!acquired) return acquired.error();
    return lease;
  }

  Result<std::optional<StateRecord>> load(const std::string& pipeline) {
    std::lock_guard lock(mutex_);
    return read(pipeline);
  }

  Status save(const Lease& lease, const StateRecord& record) {
    std::lock_guard lock(mutex_);
    return in_transaction([&]() -> Status {
      CHECK_OK(check_fence(lease));
      TRY(const auto previous, read(lease.pipeline));
      if (previous) CHECK_OK(refuse_regress(*previous, record));
      const std::string json = encode_state_record(record);
      SqliteStatement write(connection_, path_,
                            "INSERT INTO state VALUES (?1, ?2, ?3, datetime('now')) ON CONFLICT (pipeline) "
                            "DO UPDATE SET record = ?2, checksum = ?3, saved_at = datetime('now')");
      CHECK_OK(write.bind(1, lease.pipeline).bind(2, json).bind(3, checksum(json)).step());
      return ok();
    });
  }

  Status remove(const Lease& lease) {
    std::lock_guard lock(mutex_);
    return in_transaction([&]() -> Status {
      CHECK_OK(check_fence(lease));
      SqliteStatement erase(connection_, path_, "DELETE FROM state WHERE pipeline = ?1");
      CHECK_OK(erase.bind(1, lease.pipeline).step());
      SqliteStatement erase_ledger(connection_, path_, "DELETE FROM ledger WHERE pipeline = ?1");
      CHECK_OK(erase_ledger.bind(1, lease.pipeline).step());
      return ok();
    });
  }

  Result<std::map<std::string, std::string>> load_ledger(const std::string& pipeline) {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::string> entries;
    TRY(const std::int64_t there, number("SELECT count(*) FROM sqlite_schema WHERE name = 'ledger'"));
    if (there == 0) return entries;
    SqliteStatement query(connection_, path_, "SELECT key, value, checksum FROM ledger WHERE pipeline = ?1");
    query.bind(1, pipeline);
    while (true) {
      TRY(const bool row, query.step());
      if (!row) return entries;
      const std::string value = query.text(1);
      if (checksum(value) != query.integer(2)) return sqlite_error(SQLITE_CORRUPT, "the checksum of a ledger entry refuses", path_);
      entries.emplace(query.text(0), value);
    }
  }

  Status save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) {
    std::lock_guard lock(mutex_);
    return in_transaction([&]() -> Status {
      CHECK_OK(check_fence({pipeline, fence}));
      for (const LedgerChange& change : changes) {
        if (change.value) {
          SqliteStatement write(connection_, path_, "INSERT OR REPLACE INTO ledger VALUES (?1, ?2, ?3, ?4)");
          CHECK_OK(write.bind(1, pipeline).bind(2, change.key).bind(3, *change.value).bind(4, checksum(*change.value)).step());
        } else {
          SqliteStatement erase(connection_, path_, "DELETE FROM ledger WHERE pipeline = ?1 AND key = ?2");
          CHECK_OK(erase.bind(1, pipeline).bind(2, change.key).step());
        }
      }
      return ok();
    });
  }

 private:
  Status run(const std::string& sql) {
    SqliteStatement statement(connection_, path_, sql);
    while (true) {
      TRY(const bool row, statement.step());
      if (!row) return ok();
    }
  }

  Result<std::int64_t> number(std::string_view sql) {
    SqliteStatement statement(connection_, path_, sql);
    TRY(const bool row, statement.step());
    return row ? statement.integer(0) : std::int64_t{0};
  }

  Status check_integrity() {
    SqliteStatement check(connection_, path_, "PRAGMA integrity_check(1)");
    TRY(const bool row, check.step());
    if (row && check.text(0) == "ok") return ok();
    return sqlite_error(SQLITE_CORRUPT, "the integrity check refuses", path_);
  }

  template <class Body>
  Status in_transaction(Body&& body) {
    CHECK_OK(run("BEGIN IMMEDIATE"));
    Status status = body();
    if (status) status = run("COMMIT");
    if (!status && sqlite3_get_autocommit(connection_) == 0) {
      const Status rolled_back = run("ROLLBACK");  // a failure here changes nothing: the first error is the one to tell
      static_cast<void>(rolled_back.has_value());
    }
    return status;
  }

  Result<std::int64_t> newest_fence(const std::string& pipeline) {
    SqliteStatement query(connection_, path_, "SELECT fence FROM owner WHERE pipeline = ?1");
    TRY(const bool row, query.bind(1, pipeline).step());
    return row ? query.integer(0) : std::int64_t{0};
  }

  Status check_fence(const Lease& lease) {
    TRY(const std::int64_t newest, newest_fence(lease.pipeline));
    if (newest == 0 || static_cast<Fence>(newest) != lease.fence) return fenced(lease, newest);
    return ok();
  }

  Result<std::optional<StateRecord>> read(const std::string& pipeline) {
    SqliteStatement query(connection_, path_, "SELECT record, checksum FROM state WHERE pipeline = ?1");
    TRY(const bool row, query.bind(1, pipeline).step());
    if (!row) return std::optional<StateRecord>();
    const std::string json = query.text(0);
    if (checksum(json) != query.integer(1)) return sqlite_error(SQLITE_CORRUPT, "the checksum of a record refuses", path_);
    TRY(StateRecord record, decode_state_record(json));
    return std::optional<StateRecord>(std::move(record));
  }

  std::mutex mutex_;
  std::string path_;
  sqlite3* connection_ = nullptr;
};

SqliteStateStore::SqliteStateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStateStore::~SqliteStateStore() = default;

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::open(const std::string& path) {
  CHECK_OK(create_file(path));
  auto impl = std::make_unique<Impl>();
  CHECK_OK(impl->open(path, true));
  return std::unique_ptr<SqliteStateStore>(new SqliteStateStore(std::move(impl)));
}

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::open_existing(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return missing(path).error();
  auto impl = std::make_unique<Impl>();
  CHECK_OK(impl->open(path, false));
  return std::unique_ptr<SqliteStateStore>(new SqliteStateStore(std::move(impl)));
}

Result<Lease> SqliteStateStore::acquire(const std::string& pipeline) { return impl_->acquire(pipeline); }
Result<std::optional<StateRecord>> SqliteStateStore::load(const std::string& pipeline) { return impl_->load(pipeline); }
Status SqliteStateStore::save(const Lease& lease, const StateRecord& record) { return impl_->save(lease, record); }
Status SqliteStateStore::remove(const Lease& lease) { return impl_->remove(lease); }
Result<std::map<std::string, std::string>> SqliteStateStore::load_ledger(const std::string& pipeline) { return impl_->load_ledger(pipeline); }
Status SqliteStateStore::save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) {
  return impl_->save_ledger(pipeline, fence, changes);
}

}  // namespace luge
