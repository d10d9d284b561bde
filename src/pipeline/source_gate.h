#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "pipeline/driver.h"
#include "postgres/connection.h"
#include "source/replication_stream.h"
#include "source/session_facts.h"

namespace luge {

/// Everything between a connection string and a running stream: facts for the gap test, the slot, the publication, the choice of
/// binary or text. Blocks; driver thread only. The stream runs on the connection on which the last facts were read: no failover can
/// slip in between.
class SourceGate {
 public:
  SourceGate(const DriverOptions& options, const Clock& clock, std::stop_token stop);

  Result<SessionFacts> facts();
  /// Makes the publication for the wanted tables that can be published without harm, or adopts one of that name.
  Status ensure_publication();
  /// The consistent point of the new slot.
  Result<Lsn> create_slot();
  /// Good also when there is none.
  Status drop_slot();
  /// Every published column of a wanted table has an exact reader for its send format.
  Result<bool> all_columns_binary();
  /// Uses up the connection of the last facts().
  Result<std::unique_ptr<ReplicationStream>> start_stream(bool binary, bool streaming);

  const std::string& slot() const { return slot_; }
  const std::string& publication() const { return publication_; }

 private:
  const DriverOptions& options_;
  const Clock& clock_;
  const std::stop_token stop_;
  const std::string slot_;
  const std::string publication_;
  std::optional<Connection> replication_;
};

}  // namespace luge
