#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace luge {

/// A SQLite result code as an Error; `doing` says what luge was about, `path` which file.
Error sqlite_error(int code, std::string_view doing, const std::string& path);

/// One prepared statement, finalised with the object. Borrowed connection; used under the store's mutex.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* connection, const std::string& path, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bind(int index, std::int64_t number);
  /// True: a row is there; false: done.
  Result<bool> step();
  std::int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
  std::string path_;
  int failed_ = 0;
};

}  // namespace luge
