#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "postgres/connection_options.h"
#include "postgres/query_result.h"

struct pg_conn;
struct pg_cancel;

namespace luge {

/// Asks the server to stop what a connection is running. Usable from any thread, also after the connection is gone.
/// request() blocks for one short connection of its own and reports nothing: the statement fails with 57014, or it does not.
class CancelHandle {
 public:
  explicit CancelHandle(pg_cancel* cancel);
  void request() const;

 private:
  std::shared_ptr<pg_cancel> cancel_;
};

/// One session with a PostgreSQL server, with luge's settings pinned and verified. Text is UTF-8, except in a database with encoding
/// SQL_ASCII: there names and values come as the bytes they are stored as. One thread at a time; blocks unless said otherwise.
/// Errors are classified by SQLSTATE (sqlstate.h); they never contain a password, a DETAIL or a row value.
/// Once broken() every call fails with recovery `reconnect`.
class Connection {
 public:
  enum class Kind : std::uint8_t {
    sql,
    replication,  ///< a walsender of the database: replication commands and simple-protocol SQL
  };

  /// Errors, beside SQLSTATEs: "unreachable" and "tls" (reconnect), "bad_conninfo", "pooler" (what answers is not PostgreSQL itself).
  /// `stop` ends a waiting attempt early ("stopped"); it is not kept.
  static Result<Connection> open(const ConnectionOptions& options, Kind kind = Kind::sql, const std::stop_token& stop = {});

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs one statement or replication command by the simple protocol.
  Result<QueryResult> query(std::string_view sql);
  /// With $1, $2, … as text; nullopt: NULL. Not on a replication connection (the walsender knows no extended protocol).
  Result<QueryResult> query(std::string_view sql, std::span<const std::optional<std::string>> parameters);
  /// A statement without rows.
  Status exec(std::string_view sql);

  /// COPY … TO STDOUT, pulled: start, then next until nullopt. A view lives until the next call. After an error or cancellation
  /// the copy is over. `rows` of the command tag: copied_rows() after the end.
  Status start_copy_out(std::string_view sql);
  Result<std::optional<std::string_view>> next_copy_data();
  std::uint64_t copied_rows() const { return copied_rows_; }

  /// START_REPLICATION: from here on nothing blocks. try_copy_data: nullopt = nothing has arrived; a view lives until the next call.
  /// The end of the stream is an error: reconnect "server_shutdown", or what the server said.
  Status start_copy_both(std::string_view command);
  Result<std::optional<std::string_view>> try_copy_data();
  /// Queues one CopyData message and sends what the socket takes.
  Status put_copy_data(std::string_view bytes);
  /// Sends more of what is queued.
  Status flush();
  bool wants_write() const { return wants_write_; }

  /// After LISTEN: takes the notifications that have arrived; true: there was one. Does not wait: poll socket() for that.
  Result<bool> take_notifications();

  int socket() const;
  CancelHandle cancel_handle() const;
  bool broken() const;
  int server_version() const { return server_version_; }  ///< server_version_num
  std::int32_t backend_pid() const;
  /// "user@host:port/database" as connected.
  const std::string& description() const { return description_; }

 private:
  explicit Connection(pg_conn* connection);
  static Result<Connection> connect(const ConnectionOptions& options, Kind kind, const std::stop_token& stop);
  Status verify_settings();
  Status keep_bytes_of_text();
  Error error_of(pg_result* result);
  Error lost();
  Error end_of_stream();

  struct Close {
    void operator()(pg_conn* connection) const;
  };
  struct FreeBuffer {
    void operator()(char* buffer) const;
  };
  std::unique_ptr<pg_conn, Close> connection_;
  std::unique_ptr<char, FreeBuffer> buffer_;  ///< of the last CopyData
  std::string description_;
  int server_version_ = 0;
  bool wants_write_ = false;
  bool lost_ = false;  ///< seen here; libpq may call the connection good for a while longer
  std::uint64_t copied_rows_ = 0;
};

}  // namespace luge
