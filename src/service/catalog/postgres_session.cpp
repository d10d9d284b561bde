#include "service/catalog/postgres_session.h"

#include <utility>

namespace luge {

Status PostgresSession::connect() {
  if (connection_ && !connection_->broken()) return ok();
  connection_.reset();
  TRY(Connection opened, Connection::open(options_));
  connection_.emplace(std::move(opened));
  return ok();
}

bool PostgresSession::lost(const Status& status) const {
  return !status && (connection_->broken() || status.error().recovery == Recovery::reconnect);
}

/// A broken connection is not kept, and an error says what the caller can do: call again.
Status PostgresSession::finish(Status status) {
  if (connection_ && lost(status)) connection_.reset();
  if (status || status.error().recovery != Recovery::reconnect) return status;
  Error error = std::move(status).error();
  error.recovery = Recovery::retry;
  return error;
}

Status PostgresSession::use(const std::function<Status(Connection&)>& body) {
  const std::lock_guard lock(mutex_);
  const bool used_before = connection_.has_value();
  if (Status connected = connect(); !connected) return finish(std::move(connected));
  Status status = body(*connection_);
  if (used_before && lost(status)) {
    connection_.reset();
    if (Status connected = connect(); !connected) return finish(std::move(connected));
    status = body(*connection_);
  }
  return finish(std::move(status));
}

Status PostgresSession::in_transaction(const std::function<Status(Connection&)>& body, const char* begin) {
  const std::lock_guard lock(mutex_);
  const bool used_before = connection_.has_value();
  if (Status connected = connect(); !connected) return finish(std::move(connected));
  Status status = connection_->exec(begin);
  if (used_before && lost(status)) {
    connection_.reset();
    if (Status connected = connect(); !connected) return finish(std::move(connected));
    status = connection_->exec(begin);
  }
  if (!status) return finish(std::move(status));
  status = body(*connection_);
  if (status) status = connection_->exec("COMMIT");
  if (!status && !lost(status)) {
    // A connection whose transaction cannot even be rolled back is of no use any more.
    if (const Status rolled_back = connection_->exec("ROLLBACK"); !rolled_back) connection_.reset();
  }
  return finish(std::move(status));
}

}  // namespace luge
