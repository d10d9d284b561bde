#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace luge {

/// The SQLite file of a catalog: WAL journal, mode 0600. Several processes may open it. Callers hold mutex() around everything they do with it.
///
/// Error codes: "catalog_corrupt", "catalog_busy", "disk_full", "catalog_unwritable", "catalog_io".
class SqliteDatabase {
 public:
  /// What a power failure may take of what was committed: nothing, or the last of it (the file is sound either way). The second costs no
  /// fdatasync a commit, and is for what is written again every few seconds.
  enum class Commits { durable, recent_ones_may_be_lost };

  /// Creates directories (mode 0700) and the file as needed.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path, Commits commits = Commits::durable);
  /// The file as it is, which must be there: nothing of it is changed.
  static Result<std::unique_ptr<SqliteDatabase>> look_into(const std::string& path);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  /// Statements without parameters and rows, separated by semicolons.
  Status run(const std::string& sql);
  /// The first column of the first row; 0 without one.
  Result<std::int64_t> number(std::string_view sql);
  /// Takes the write lock first; rolls back on any error.
  Status in_transaction(const std::function<Status()>& body) { return between("BEGIN IMMEDIATE", body); }
  /// All that is read is of one moment.
  Status in_snapshot(const std::function<Status()>& body) { return between("BEGIN", body); }

  std::mutex& mutex() { return mutex_; }
  const std::string& path() const { return path_; }

 private:
  friend class SqliteQuery;
  explicit SqliteDatabase(std::string path) : path_(std::move(path)) {}
  Error error(int code, std::string_view doing) const;
  Status between(const char* begin, const std::function<Status()>& body);

  std::mutex mutex_;
  const std::string path_;
  sqlite3* connection_ = nullptr;
  std::multimap<std::string, sqlite3_stmt*, std::less<>> prepared_;  ///< statements nobody uses just now
};

/// One statement, kept prepared for the next one of the same text. Parameters count from 1, columns from 0.
class SqliteQuery {
 public:
  SqliteQuery(SqliteDatabase& database, std::string_view sql);
  ~SqliteQuery();
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;

  SqliteQuery& bind(int index, std::string_view text);
  SqliteQuery& bind(int index, std::int64_t number);
  SqliteQuery& bind(int index, const std::optional<std::int64_t>& number);
  SqliteQuery& bind(int index, const std::optional<double>& number);
  SqliteQuery& bind_or_null(int index, const std::optional<std::string>& text);

  /// True: a row is there; false: done.
  Result<bool> step();
  /// Runs it to its end; the number of rows it changed.
  Result<std::int64_t> finish();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<double> optional_real(int column) const;

 private:
  SqliteDatabase& database_;
  const std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  int failed_ = 0;
};

}  // namespace luge
