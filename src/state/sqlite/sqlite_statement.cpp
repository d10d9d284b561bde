#include "state/sqlite/sqlite_statement.h"

#include <sqlite3.h>

namespace luge {

Error sqlite_error(int code, std::string_view doing, const std::string& path) {
  const std::string what = std::string(doing) + " the state file " + path + ": " + sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return needs_operator("state_corrupt", what,
                            "the mirror is untouched; restore the state file from a backup, or move it away and run with --on-gap resync");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return make_error(Recovery::retry, "state_busy", what, "another process holds the file; end it or wait");
    case SQLITE_FULL: return make_error(Recovery::retry, "disk_full", what, "free space on the disk that holds the state file");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return fatal("state_unwritable", what, "check the owner and the mode of the file and its directory, or give --state");
    default: break;
  }
  Error error = fatal("state_io", what, "check the disk; nothing was acknowledged that is not stored");
  error.write_state = WriteState::unknown;
  return error;
}

SqliteStatement::SqliteStatement(sqlite3* connection, const std::string& path, std::string_view sql) : path_(path) {
  failed_ = sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
  if (failed_ == SQLITE_OK) failed_ = sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t number) {
  if (failed_ == SQLITE_OK) failed_ = sqlite3_bind_int64(statement_, index, number);
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (failed_ == SQLITE_OK) {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    failed_ = code;
  }
  return sqlite_error(failed_, "cannot use", path_);
}

std::int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string SqliteStatement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace luge
