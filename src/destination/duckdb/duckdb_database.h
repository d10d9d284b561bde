#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "destination/duckdb/duckdb_handles.h"
#include "destination/duckdb/duckdb_options.h"
#include "destination/duckdb/sql_text.h"
#include "destination/duckdb/stage.h"

namespace luge {

class DuckdbConnection;

/// One open database file. Shared by the worker, copies and readers; the file closes with the last of them.
/// One process may hold a file once: a second opening in the same process is refused like one by another process.
class DuckdbDatabase : public std::enable_shared_from_this<DuckdbDatabase> {
 public:
  /// Error codes: "locked", "foreign" (not a DuckDB file), "corrupt", "disk_full", "io".
  static Result<std::shared_ptr<DuckdbDatabase>> open(const DuckdbOptions& options);
  ~DuckdbDatabase();
  DuckdbDatabase(const DuckdbDatabase&) = delete;
  DuckdbDatabase& operator=(const DuckdbDatabase&) = delete;

  Result<std::unique_ptr<DuckdbConnection>> connect();

  const std::string& path() const { return path_; }
  /// "catalog"."schema"."table"
  std::string qualified(const TargetName& name) const;
  std::string qualified(std::string_view schema, std::string_view table) const;
  const std::string& catalog() const { return catalog_; }
  StageRegistry& stages() { return *stages_; }
  /// Expires when the file is closed, on whichever thread: later than the last reference to the database.
  std::weak_ptr<const void> presence() const { return presence_; }

 private:
  DuckdbDatabase() = default;

  std::string path_;
  std::string registered_;  ///< under which name this process remembers the file
  std::string catalog_;
  std::shared_ptr<StageRegistry> stages_ = std::make_shared<StageRegistry>();
  duckdb_database handle_ = nullptr;
  std::shared_ptr<const void> presence_ = std::make_shared<char>();
};

/// A connection; one thread at a time. Keeps its database open.
class DuckdbConnection {
 public:
  /// VARCHAR and BLOB columns as bytes; cast everything else to VARCHAR in the statement.
  using Row = std::vector<std::optional<std::string>>;

  DuckdbConnection(std::shared_ptr<DuckdbDatabase> database, duckdb_connection handle) : database_(std::move(database)), handle_(handle) {}
  ~DuckdbConnection() { duckdb_disconnect(&handle_); }
  DuckdbConnection(const DuckdbConnection&) = delete;
  DuckdbConnection& operator=(const DuckdbConnection&) = delete;

  /// Runs one statement; answers how many rows it changed. `doing` goes into the error, the statement never does.
  Result<std::uint64_t> execute(const std::string& sql, std::string_view doing);
  /// For small results.
  Result<std::vector<Row>> rows(const std::string& sql, std::string_view doing);
  /// Runs the statement that `make_sql` writes around the table expression which reads `stage`.
  Result<std::uint64_t> execute_with(const Stage& stage, const std::function<std::string(const std::string& stage_sql)>& make_sql,
                                     std::string_view doing);

  Status begin();
  /// A failure leaves the outcome unknown (Error::write_state).
  Status commit();
  /// Never fails: what cannot be rolled back is gone with the connection.
  void rollback();

  DuckdbDatabase& database() const { return *database_; }
  const std::shared_ptr<DuckdbDatabase>& shared_database() const { return database_; }
  duckdb_connection handle() const { return handle_; }

 private:
  std::shared_ptr<DuckdbDatabase> database_;
  duckdb_connection handle_;
};

}  // namespace luge
