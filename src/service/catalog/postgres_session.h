#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "postgres/connection.h"
#include "postgres/connection_options.h"

namespace luge {

/// A connection that is opened when it is needed and again after it was lost. Thread-safe: one caller at a time. Errors that ask for a
/// reconnect become ones to retry: the next call reconnects.
class PostgresSession {
 public:
  explicit PostgresSession(ConnectionOptions options) : options_(std::move(options)) {}

  /// One or several statements, each by itself. What may have been sent over a connection that was dead already is sent once more over a
  /// new one: `body` must be repeatable.
  Status use(const std::function<Status(Connection&)>& body);
  /// All or nothing. Repeated only if its BEGIN found the connection dead.
  Status in_transaction(const std::function<Status(Connection&)>& body, const char* begin = "BEGIN");

  std::string description() const { return options_.redacted(); }

 private:
  Status connect();
  bool lost(const Status& status) const;
  Status finish(Status status);

  const ConnectionOptions options_;
  std::mutex mutex_;
  std::optional<Connection> connection_;
};

}  // namespace luge
