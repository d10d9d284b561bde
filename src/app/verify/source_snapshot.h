#pragma once
#include <stop_token>
#include <string>

#include "base/result.h"
#include "model/lsn.h"
#include "postgres/connection.h"
#include "postgres/connection_options.h"

namespace luge {

/// The source as of one LSN: the snapshot that a temporary slot exports at its consistent point. Transactions whose commit record
/// begins before `lsn` are in it, the others are not (correctness of the initial copy: walsender.c CreateReplicationSlot).
class SourceSnapshot {
 public:
  /// Waits for write transactions that are running (snapbuild.c). Needs a free replication slot and WAL sender for a moment.
  /// Ends early when `stop` is requested.
  static Result<SourceSnapshot> take(const ConnectionOptions& options, const std::stop_token& stop = {});

  Lsn lsn() const { return lsn_; }
  /// A connection inside a repeatable read, read-only transaction that sees the snapshot.
  Result<Connection> open_reader(const ConnectionOptions& options, const std::stop_token& stop = {});

 private:
  SourceSnapshot(Connection replication, Lsn lsn, std::string name) : replication_(std::move(replication)), lsn_(lsn), name_(std::move(name)) {}
  Connection replication_;
  Lsn lsn_;
  std::string name_;
};

}  // namespace luge
