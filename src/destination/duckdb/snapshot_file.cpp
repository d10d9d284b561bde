#include "destination/duckdb/snapshot_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>

#include "destination/duckdb/duckdb_error.h"

namespace luge {

namespace {

constexpr std::string_view kDoing = "writing the snapshot file";
using Appender = DuckdbHandle<duckdb_appender, duckdb_appender_destroy>;

/// A database file without luge's own schema and without its guards: nothing in it is anybody's input.
class PlainDatabase {
 public:
  ~PlainDatabase() {
    if (connection_ != nullptr) duckdb_disconnect(&connection_);
    if (database_ != nullptr) duckdb_close(&database_);
  }

  Status open(const std::string& path) {
    path_ = path;
    DuckdbHandle<duckdb_config, duckdb_destroy_config> config;
    if (duckdb_create_config(config.out()) != DuckDBSuccess) return fatal("duckdb", "DuckDB made no configuration");
    duckdb_set_config(config.get(), "threads", "1");
    duckdb_set_config(config.get(), "memory_limit", "64MiB");
    if (duckdb_open_ext(path.c_str(), &database_, config.get(), nullptr) != DuckDBSuccess ||
        duckdb_connect(database_, &connection_) != DuckDBSuccess) {
      return fatal("snapshot", "DuckDB cannot create " + path, "check the directory of --snapshot");
    }
    return ok();
  }

  Status execute(const std::string& sql) {
    QueryResult result;
    if (duckdb_query(connection_, sql.c_str(), result.get()) == DuckDBSuccess) return ok();
    return duckdb_failure(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()), kDoing, path_);
  }

  duckdb_connection handle() const { return connection_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

using Ended = std::function<bool()>;

Error given_up() { return make_error(Recovery::retry, "closed", "the snapshot file was not finished: the mirror was closed"); }

Status copy_rows(DuckdbConnection& reader, const TargetName& table, PlainDatabase& copy, const Ended& ended) {
  const std::string sql = "SELECT * FROM " + reader.database().qualified(table);
  PreparedStatement statement;
  QueryResult result;
  if (duckdb_prepare(reader.handle(), sql.c_str(), statement.out()) != DuckDBSuccess ||
      duckdb_execute_prepared_streaming(statement.get(), result.get()) != DuckDBSuccess) {
    return duckdb_failure(DUCKDB_ERROR_IO, nullptr, kDoing, reader.database().path());
  }
  Appender appender;
  if (duckdb_appender_create(copy.handle(), table.schema.c_str(), table.table.c_str(), appender.out()) != DuckDBSuccess) {
    return fatal("snapshot", "cannot write the table " + table.schema + "." + table.table + " of " + copy.path());
  }
  for (;;) {
    const DataChunk chunk(duckdb_fetch_chunk(*result.get()));
    if (!chunk) break;
    if (ended()) return given_up();
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) return duckdb_failure(DUCKDB_ERROR_IO, nullptr, kDoing, copy.path());
  }
  if (duckdb_result_error(result.get()) != nullptr)
    return duckdb_failure(duckdb_result_error_type(result.get()), nullptr, kDoing, reader.database().path());
  if (duckdb_appender_close(appender.get()) != DuckDBSuccess) return duckdb_failure(DUCKDB_ERROR_IO, nullptr, kDoing, copy.path());
  return ok();
}

Status copy_table(DuckdbConnection& reader, const TargetName& table, PlainDatabase& copy, const Ended& ended) {
  TRY(const auto columns,
      reader.rows("SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_catalog() AND schema_name = " +
                      duckdb_literal(table.schema) + " AND table_name = " + duckdb_literal(table.table) + " ORDER BY column_index",
                  kDoing));
  std::string list;
  for (const auto& column : columns) list += (list.empty() ? "" : ", ") + duckdb_identifier(column[0].value_or("")) + " " + column[1].value_or("");
  CHECK_OK(copy.execute("CREATE SCHEMA IF NOT EXISTS " + duckdb_identifier(table.schema)));
  CHECK_OK(copy.execute("CREATE TABLE " + duckdb_identifier(table.schema) + "." + duckdb_identifier(table.table) + " (" + list + ")"));
  return copy_rows(reader, table, copy, ended);
}

Status fill(DuckdbConnection& reader, PlainDatabase& copy, const Ended& ended) {
  TRY(const auto tables,
      reader.rows(
          "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_catalog() AND schema_name <> '_luge' AND NOT internal",
          kDoing));
  for (const auto& table : tables) {
    if (ended()) return given_up();
    CHECK_OK(copy_table(reader, {table[0].value_or(""), table[1].value_or("")}, copy, ended));
  }
  TRY(const auto place,
      reader.rows("SELECT max(commit_lsn)::VARCHAR, max(end_lsn)::VARCHAR FROM " + reader.database().qualified("_luge", "checkpoint"), kDoing));
  CHECK_OK(copy.execute("CREATE SCHEMA _luge"));
  return copy.execute("CREATE TABLE _luge.snapshot AS SELECT " + place.at(0).at(0).value_or("0") + "::UBIGINT AS commit_lsn, " +
                      place.at(0).at(1).value_or("0") + "::UBIGINT AS end_lsn, now() AS taken_at");
}

}  // namespace

Status write_snapshot_file(DuckdbConnection& reader, const std::string& path, const Ended& ended) {
  const std::string fresh = path + ".new";
  const auto remove = [&] {
    std::error_code ignored;
    std::filesystem::remove(fresh, ignored);
    std::filesystem::remove(fresh + ".wal", ignored);
  };
  remove();
  const auto written = [&]() -> Status {
    PlainDatabase copy;
    CHECK_OK(copy.open(fresh));
    CHECK_OK(fill(reader, copy, ended));
    return copy.execute("CHECKPOINT");
  }();
  if (!written) {
    remove();
    return written;
  }
  struct stat before {};
  if (::stat(path.c_str(), &before) == 0) ::chmod(fresh.c_str(), before.st_mode & 0777);  // as its readers are used to
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return fatal("snapshot", "cannot put the snapshot in place at " + path + ": " + std::strerror(errno));
  return ok();
}

}  // namespace luge
