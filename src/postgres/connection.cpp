#include "postgres/connection.h"

#include <array>
#include <libpq-fe.h>
#include <vector>

#include "postgres/pinned_settings.h"
#include "postgres/postgres_error.h"
#include "postgres/sqlstate.h"

namespace luge {

CancelHandle::CancelHandle(pg_cancel* cancel) : cancel_(cancel, PQfreeCancel) {}

void CancelHandle::request() const {
  if (!cancel_) return;
  std::array<char, 256> ignored{};
  PQcancel(cancel_.get(), ignored.data(), static_cast<int>(ignored.size()));
}

void Connection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

void Connection::FreeBuffer::operator()(char* buffer) const { PQfreemem(buffer); }

Connection::Connection(pg_conn* connection) : connection_(connection) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const ConnectionOptions& options, Kind kind, const std::stop_token& stop) {
  TRY(Connection connection, connect(options, kind, stop));
  CHECK_OK(connection.verify_settings());
  CHECK_OK(connection.keep_bytes_of_text());
  const std::string newer = version_gated_settings(connection.server_version());
  if (!newer.empty()) CHECK_OK(connection.exec(newer));
  return connection;
}

Status Connection::verify_settings() {
  TRY(const QueryResult shown, query(readback_query()));
  std::size_t column = 0;
  for (const PinnedSetting& setting : pinned_settings()) {
    if (!readback_matches(setting, shown.text(0, column++))) {
      return fatal("pooler",
                   "the session of " + description_ + " ignores settings of its startup packet (" + std::string(setting.name) +
                       "), so values would be written in another form; a connection pooler drops them",
                   "connect to PostgreSQL directly, on its own port");
    }
  }
  return ok();
}

// Such a database converts nothing, but with client_encoding=UTF8 its server checks what it sends (mbutils.c: pg_server_to_any):
// one value that is no UTF-8 would end the stream of all tables with 22021. Unchecked, it is a misfit of its own table.
Status Connection::keep_bytes_of_text() {
  const char* encoding = PQparameterStatus(connection_.get(), "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "SQL_ASCII") return ok();
  CHECK_OK(exec("SET client_encoding = 'SQL_ASCII'"));
  TRY(const QueryResult shown, query("SELECT pg_catalog.current_setting('client_encoding')"));
  if (shown.text(0, 0) == "SQL_ASCII") return ok();
  return fatal("pooler", "the session of " + description_ + " does not keep client_encoding; a connection pooler resets it",
               "connect to PostgreSQL directly, on its own port");
}

Result<QueryResult> Connection::query(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) return fatal("bad_sql", "a name contains a NUL byte");
  QueryResult result(PQexec(connection_.get(), std::string(sql).c_str()));
  if (result.status() != PGRES_TUPLES_OK && result.status() != PGRES_COMMAND_OK) return error_of(result.get());
  return result;
}

Result<QueryResult> Connection::query(std::string_view sql, std::span<const std::optional<std::string>> parameters) {
  if (sql.find('\0') != std::string_view::npos) return fatal("bad_sql", "a name contains a NUL byte");
  std::vector<const char*> values;
  for (const auto& parameter : parameters) {
    if (parameter && parameter->find('\0') != std::string::npos) return fatal("bad_sql", "a parameter contains a NUL byte");
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  QueryResult result(
      PQexecParams(connection_.get(), std::string(sql).c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0));
  if (result.status() != PGRES_TUPLES_OK && result.status() != PGRES_COMMAND_OK) return error_of(result.get());
  return result;
}

Status Connection::exec(std::string_view sql) {
  CHECK_OK(query(sql));
  return ok();
}

int Connection::socket() const { return PQsocket(connection_.get()); }

CancelHandle Connection::cancel_handle() const { return CancelHandle(PQgetCancel(connection_.get())); }

bool Connection::broken() const { return lost_ || PQstatus(connection_.get()) == CONNECTION_BAD; }

std::int32_t Connection::backend_pid() const { return PQbackendPID(connection_.get()); }

Error Connection::lost() {
  lost_ = true;
  return make_error(Recovery::reconnect, "connection_lost",
                    "lost the connection to " + description_ + ": " + one_line(PQerrorMessage(connection_.get())),
                    "luge reconnects by itself; if it keeps happening, look at the server's log and the network");
}

Error Connection::error_of(pg_result* result) {
  if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == nullptr) {
    // An error without SQLSTATE is libpq's own, and libpq has only one: the connection. After a failed write it keeps its status for a
    // while, to read what the server may have said last (fe-misc.c, pqSendSome).
    if (broken() || PQresultStatus(result) == PGRES_FATAL_ERROR) return lost();
    return fatal("protocol", description_ + " answered in an unexpected way: " + one_line(PQerrorMessage(connection_.get())));
  }
  Error error = error_from_result(result, description_);
  if (broken() && error.recovery == Recovery::retry) error.recovery = Recovery::reconnect;
  return error;
}

}  // namespace luge
