#include "destination/duckdb/duckdb_error.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace luge {

namespace {

std::string_view name_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_RANGE: return "out of range";
    case DUCKDB_ERROR_CONVERSION: return "conversion";
    case DUCKDB_ERROR_MISMATCH_TYPE: return "type mismatch";
    case DUCKDB_ERROR_INVALID_TYPE: return "invalid type";
    case DUCKDB_ERROR_SERIALIZATION: return "serialization";
    case DUCKDB_ERROR_TRANSACTION: return "transaction";
    case DUCKDB_ERROR_NOT_IMPLEMENTED: return "not implemented";
    case DUCKDB_ERROR_CATALOG: return "catalog";
    case DUCKDB_ERROR_PARSER: return "parser";
    case DUCKDB_ERROR_PLANNER: return "planner";
    case DUCKDB_ERROR_EXECUTOR: return "executor";
    case DUCKDB_ERROR_CONSTRAINT: return "constraint";
    case DUCKDB_ERROR_SYNTAX: return "syntax";
    case DUCKDB_ERROR_BINDER: return "binder";
    case DUCKDB_ERROR_IO: return "input/output";
    case DUCKDB_ERROR_INTERRUPT: return "interrupted";
    case DUCKDB_ERROR_FATAL: return "fatal";
    case DUCKDB_ERROR_INTERNAL: return "internal";
    case DUCKDB_ERROR_INVALID_INPUT: return "invalid input";
    case DUCKDB_ERROR_OUT_OF_MEMORY: return "out of memory";
    case DUCKDB_ERROR_PERMISSION: return "permission";
    case DUCKDB_ERROR_DEPENDENCY: return "dependency";
    case DUCKDB_ERROR_DATA_CORRUPTION: return "data corruption";
    case DUCKDB_ERROR_RESOURCE_IN_USE: return "resource in use";
    default: return "other";
  }
}

/// Messages of these types name tables, paths, sizes; never values of rows.
bool message_is_safe(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_TRANSACTION:
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_OUT_OF_MEMORY:
    case DUCKDB_ERROR_DEPENDENCY:
    case DUCKDB_ERROR_PERMISSION:
    case DUCKDB_ERROR_RESOURCE_IN_USE: return true;
    default: return false;
  }
}

}  // namespace

bool disk_is_full(const std::string& path) {
  constexpr off_t kProbeBytes = 16 << 20;  // less than this is full: DuckDB's log and row groups grow by megabytes
  const std::string probe = path + ".space";
  const int file = ::open(probe.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return errno == ENOSPC || errno == EDQUOT;
  const int failure = ::posix_fallocate(file, 0, kProbeBytes);
  ::close(file);
  ::unlink(probe.c_str());
  return failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
}

Error duckdb_failure(duckdb_error_type type, const char* message, std::string_view doing, const std::string& path) {
  std::string what = "DuckDB failed while " + std::string(doing) + ": " + std::string(name_of(type)) + " error";
  if (message != nullptr && message_is_safe(type)) what += std::string(" (") + message + ")";
  what += " in " + path;
  // A commit that fails for want of space comes as a transaction error, and may leave the database unusable until it is reopened.
  const bool may_be_space =
      type == DUCKDB_ERROR_IO || type == DUCKDB_ERROR_TRANSACTION || type == DUCKDB_ERROR_FATAL || type == DUCKDB_ERROR_INTERNAL;
  if (may_be_space && disk_is_full(path)) {
    Error error = make_error(
        Recovery::retry, "disk_full", what,
        "free space beside the file; nothing is lost. A luge that was following goes on by itself; one that was starting must be started again");
    if (type == DUCKDB_ERROR_FATAL || type == DUCKDB_ERROR_INTERNAL) error.write_state = WriteState::unknown;
    return error;
  }
  switch (type) {
    case DUCKDB_ERROR_IO: return make_error(Recovery::retry, "io", what);
    case DUCKDB_ERROR_OUT_OF_MEMORY: return make_error(Recovery::retry, "out_of_memory", what, "raise memory_limit or lower batch_max_size");
    case DUCKDB_ERROR_TRANSACTION:
    case DUCKDB_ERROR_INTERRUPT:
    case DUCKDB_ERROR_RESOURCE_IN_USE: return make_error(Recovery::retry, "transaction", what);
    case DUCKDB_ERROR_FATAL:
    case DUCKDB_ERROR_INTERNAL: {
      Error error = make_error(Recovery::retry, "duckdb_fatal", what);
      error.write_state = WriteState::unknown;
      return error;
    }
    case DUCKDB_ERROR_SERIALIZATION:
    case DUCKDB_ERROR_DATA_CORRUPTION: return fatal("corrupt", what, "restore the file, or remove it and run again: luge copies all tables");
    default: return fatal("duckdb", what);
  }
}

}  // namespace luge
