#include <libpq-fe.h>

#include "postgres/connection.h"
#include "postgres/postgres_error.h"

namespace luge {

Status Connection::start_copy_out(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) return fatal("bad_sql", "a name contains a NUL byte");
  copied_rows_ = 0;
  const QueryResult result(PQexec(connection_.get(), std::string(sql).c_str()));
  if (result.status() != PGRES_COPY_OUT) return error_of(result.get());
  return ok();
}

Result<std::optional<std::string_view>> Connection::next_copy_data() {
  char* data = nullptr;
  const int length = PQgetCopyData(connection_.get(), &data, 0);
  buffer_.reset(data);
  if (length > 0) return std::optional<std::string_view>({data, static_cast<std::size_t>(length)});
  if (length == -2) return lost();
  std::optional<Error> failure;  // -1: the end, well or not; all results must be taken before the next statement
  while (pg_result* next = PQgetResult(connection_.get())) {
    const QueryResult result(next);
    if (result.status() == PGRES_COMMAND_OK) {
      copied_rows_ = result.affected();
    } else if (!failure) {
      failure = error_of(result.get());
    }
    if (broken()) break;
  }
  if (failure) return std::move(*failure);
  return std::optional<std::string_view>{};
}

Status Connection::start_copy_both(std::string_view command) {
  if (command.find('\0') != std::string_view::npos) return fatal("bad_sql", "a name contains a NUL byte");
  const QueryResult result(PQexec(connection_.get(), std::string(command).c_str()));
  if (result.status() != PGRES_COPY_BOTH) return error_of(result.get());
  if (PQsetnonblocking(connection_.get(), 1) != 0) return lost();
  return ok();
}

Result<std::optional<std::string_view>> Connection::try_copy_data() {
  char* data = nullptr;
  int length = PQgetCopyData(connection_.get(), &data, 1);
  if (length == 0) {
    if (wants_write_) CHECK_OK(flush());
    if (PQconsumeInput(connection_.get()) == 0) return lost();
    length = PQgetCopyData(connection_.get(), &data, 1);
  }
  buffer_.reset(data);
  if (length > 0) return std::optional<std::string_view>({data, static_cast<std::size_t>(length)});
  if (length == 0) return std::optional<std::string_view>{};
  if (length == -2) return lost();
  return end_of_stream();
}

Error Connection::end_of_stream() {
  if (pg_result* next = PQgetResult(connection_.get())) {
    const QueryResult result(next);
    if (result.status() == PGRES_FATAL_ERROR) return error_of(result.get());
  }
  return make_error(Recovery::reconnect, "server_shutdown", "the server at " + description_ + " ended the replication stream: it shuts down",
                    "luge reconnects by itself");
}

Status Connection::put_copy_data(std::string_view bytes) {
  if (PQputCopyData(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) return lost();
  return flush();
}

Status Connection::flush() {
  const int outcome = PQflush(connection_.get());
  if (outcome < 0) return lost();
  wants_write_ = outcome == 1;
  return ok();
}

}  // namespace luge
