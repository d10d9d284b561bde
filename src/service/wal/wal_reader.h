#pragma once
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"
#include "postgres/connection.h"
#include "service/wal/wal_sample.h"

namespace luge {

/// Reads the WAL facts of one source over a session of its own, which it keeps. One thread at a time.
class WalReader {
 public:
  /// A statement that takes longer than `statement_timeout` is ended by the server (57014).
  WalReader(ConnectionOptions options, Duration statement_timeout);

  /// One query; connects first where there is no session. A requested `stop` ends it early.
  Result<WalSample> read(const Clock& clock, const std::stop_token& stop);

 private:
  Status connect(const std::stop_token& stop);

  ConnectionOptions options_;
  const Duration statement_timeout_;
  std::optional<Connection> sql_;
  bool may_list_ = false;  ///< pg_ls_waldir, as of the last answer
};

}  // namespace luge
