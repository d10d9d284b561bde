#include "destination/duckdb/duckdb_database.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "destination/duckdb/duckdb_error.h"

namespace luge {

namespace {

/// Files this process has open. DuckDB's own lock is of the kind that does not hold against its own process.
class OpenFiles {
 public:
  bool claim(const std::string& path) {
    std::lock_guard lock(mutex_);
    return paths_.insert(path).second;
  }
  void release(const std::string& path) {
    std::lock_guard lock(mutex_);
    paths_.erase(path);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> paths_;
};

OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

/// Looks at the file before DuckDB does. Never called while this process has it open: closing any descriptor of a file drops all
/// of a process's locks on it.
Status inspect_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT) return ok();
    return fatal("io", "cannot read " + path + ": " + std::strerror(errno), "check the rights of the file");  // NOLINT(concurrency-mt-unsafe)
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  std::array<char, 12> head{};
  const ssize_t got = ::read(file, head.data(), head.size());
  ::close(file);
  if (held) {
    return make_error(Recovery::stop_pipeline, "locked", path + " is open in process " + std::to_string(lock.l_pid),
                      "DuckDB admits one process: ask the running luge with `luge query`, or stop that process");
  }
  if (got != static_cast<ssize_t>(head.size()) || std::memcmp(head.data() + 8, "DUCK", 4) != 0) {
    return needs_operator("foreign", path + " is not a DuckDB file", "choose another path; luge does not overwrite it");
  }
  return ok();
}

Result<duckdb_database> open_file(const std::string& path, duckdb_config config) {
  duckdb_database handle = nullptr;
  char* message = nullptr;
  if (duckdb_open_ext(path.c_str(), &handle, config, &message) == DuckDBSuccess) return handle;
  const std::string words = message == nullptr ? "" : message;  // names the file and what is wrong with it, nothing of its rows
  duckdb_free(message);
  if (disk_is_full(path)) return make_error(Recovery::retry, "disk_full", "no space to open " + path, "free space beside the file");
  return needs_operator("corrupt", "DuckDB cannot open " + path + ": " + words,
                        "restore the file, or move it and its .wal away and run again: luge copies all tables");
}

/// Makes an empty database under another name and renames it. DuckDB makes a file in several writes; killed between them, it would
/// leave something at `path` that the next start has to take for somebody else's file. What stands under the other name is nobody's.
Status create_file(const std::string& path, duckdb_config config) {
  std::error_code failed;
  if (std::filesystem::exists(path, failed)) return ok();
  const std::string unfinished = path + ".new";
  // Held by a process that is creating it right now: only the lock says so, the content may be of a moment.
  if (auto seen = inspect_file(unfinished); !seen && seen.error().code == "locked") return std::move(seen).error();
  std::filesystem::remove(unfinished, failed);
  std::filesystem::remove(unfinished + ".wal", failed);
  TRY(auto handle, open_file(unfinished, config));
  duckdb_close(&handle);
  std::filesystem::remove(path + ".wal", failed);  // of a file that somebody removed: it belongs to nothing any more
  std::filesystem::rename(unfinished, path, failed);
  if (failed) return fatal("io", "cannot rename " + unfinished + ": " + failed.message(), "check the rights of the directory");
  return ok();
}

}  // namespace

Result<std::shared_ptr<DuckdbDatabase>> DuckdbDatabase::open(const DuckdbOptions& options) {
  std::error_code ignored;
  const std::string registered = std::filesystem::weakly_canonical(options.path, ignored).string();
  if (!open_files().claim(registered)) {
    return make_error(Recovery::stop_pipeline, "locked", options.path + " is already open in this process",
                      "two pipelines cannot share one file: give each its own");
  }
  std::shared_ptr<DuckdbDatabase> database(new DuckdbDatabase());
  database->registered_ = registered;  // from here the destructor releases it
  database->path_ = options.path;
  CHECK_OK(inspect_file(options.path));

  // The mirror, its log and what spills hold the source's rows: only the owner may read them. DuckDB makes these files whenever it
  // likes, so the mask of the whole process is the only lever; luge writes nothing that others should read.
  ::umask(::umask(077) | 077);

  DuckdbHandle<duckdb_config, duckdb_destroy_config> config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) return fatal("duckdb", "DuckDB made no configuration");
  const std::string megabytes = std::to_string(std::max<std::size_t>(options.memory_limit_bytes >> 20, 16)) + "MiB";
  const std::array<std::pair<const char*, std::string>, 8> settings{
      {{"threads", std::to_string(std::max(options.threads, 1U))},
       {"memory_limit", megabytes},
       {"checkpoint_threshold", std::to_string(options.checkpoint_wal_bytes >> 10) + "KiB"},
       {"temp_directory", options.path + ".tmp"},
       {"autoinstall_known_extensions", "false"},
       {"autoload_known_extensions", "false"},
       {"allow_community_extensions", "false"},
       {"enable_external_access", "false"}}};
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess)
      return fatal("duckdb", std::string("DuckDB does not know the setting ") + name);
  }
  CHECK_OK(create_file(options.path, config.get()));
  TRY(database->handle_, open_file(options.path, config.get()));
  TRY(auto connection, database->connect());
  CHECK_OK(register_stage_function(connection->handle(), database->stages_));
  CHECK_OK(connection->execute("SET GLOBAL TimeZone = 'UTC'", "setting the time zone"));
  CHECK_OK(connection->execute("SET GLOBAL lock_configuration = true", "locking the configuration"));
  TRY(auto catalog, connection->rows("SELECT current_catalog()", "asking for the catalog's name"));
  database->catalog_ = catalog.at(0).at(0).value_or("");
  return database;
}

DuckdbDatabase::~DuckdbDatabase() {
  if (handle_ != nullptr) duckdb_close(&handle_);
  open_files().release(registered_);
}

Result<std::unique_ptr<DuckdbConnection>> DuckdbDatabase::connect() {
  duckdb_connection connection = nullptr;
  if (duckdb_connect(handle_, &connection) != DuckDBSuccess) {
    Error error = make_error(Recovery::retry, "duckdb_fatal", "DuckDB gave no connection to " + path_);
    error.write_state = WriteState::unknown;
    return error;
  }
  return std::make_unique<DuckdbConnection>(shared_from_this(), connection);
}

std::string DuckdbDatabase::qualified(std::string_view schema, std::string_view table) const {
  return duckdb_identifier(catalog_) + "." + duckdb_identifier(schema) + "." + duckdb_identifier(table);
}

std::string DuckdbDatabase::qualified(const TargetName& name) const { return qualified(name.schema, name.table); }

Result<std::uint64_t> DuckdbConnection::execute(const std::string& sql, std::string_view doing) {
  QueryResult result;
  if (duckdb_query(handle_, sql.c_str(), result.get()) != DuckDBSuccess) {
    return duckdb_failure(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()), doing, database_->path());
  }
  return static_cast<std::uint64_t>(duckdb_rows_changed(result.get()));
}

Result<std::vector<DuckdbConnection::Row>> DuckdbConnection::rows(const std::string& sql, std::string_view doing) {
  QueryResult result;
  if (duckdb_query(handle_, sql.c_str(), result.get()) != DuckDBSuccess) {
    return duckdb_failure(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()), doing, database_->path());
  }
  const idx_t columns = duckdb_column_count(result.get());
  std::vector<Row> out;
  for (;;) {
    DataChunk chunk(duckdb_fetch_chunk(*result.get()));
    if (!chunk) break;
    const idx_t count = duckdb_data_chunk_get_size(chunk.get());
    const std::size_t base = out.size();
    out.resize(base + count, Row(columns));
    for (idx_t c = 0; c < columns; ++c) {
      const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.get(), c);
      const auto* values = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
      const std::uint64_t* validity = duckdb_vector_get_validity(vector);
      for (idx_t r = 0; r < count; ++r) {
        if (row_is_valid(validity, r)) out[base + r][c] = std::string(string_bytes(values[r]));
      }
    }
  }
  return out;
}

Result<std::uint64_t> DuckdbConnection::execute_with(const Stage& stage, const std::function<std::string(const std::string& stage_sql)>& make_sql,
                                                     std::string_view doing) {
  const PublishedStage published(database_->stages(), stage);
  return execute(make_sql(published.sql()), doing);
}

Status DuckdbConnection::begin() {
  CHECK_OK(execute("BEGIN TRANSACTION", "beginning a transaction"));
  return ok();
}

Status DuckdbConnection::commit() {
  auto done = execute("COMMIT", "committing");
  if (done) return ok();
  Error error = std::move(done).error();
  error.write_state = WriteState::unknown;
  if (error.recovery == Recovery::stop_pipeline && error.code != "corrupt") error.recovery = Recovery::retry;
  return error;
}

void DuckdbConnection::rollback() {
  auto done = execute("ROLLBACK", "rolling back");
  (void)done;
}

}  // namespace luge
