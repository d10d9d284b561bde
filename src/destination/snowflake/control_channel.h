#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "destination/snowflake/snowflake_connection.h"
#include "model/position.h"

namespace luge {

/// The destination's own copy of ack_intent: the offset token of a channel on luge's control table, readable without a warehouse. Whoever opens it
/// fences an older owner. The table's comment holds the mirror's identity.
class ControlChannel {
 public:
  /// Makes schema and table if they are not there. Errors: SqlClient's and IngestClient's; "foreign" if the table is somebody else's.
  static Result<std::unique_ptr<ControlChannel>> open(const SnowflakeConnection& connection, SqlSession& sql, const std::string& pipeline,
                                                      const std::stop_token& stop);

  /// Where luge's own tables are.
  const std::string& schema() const { return id_.schema; }
  const std::string& uuid() const { return uuid_; }
  Lsn intent() const { return intent_; }
  Epoch epoch() const { return epoch_; }

  /// Taken when it returns, durable a few seconds later.
  Status record(Epoch epoch, Lsn intent);

 private:
  ControlChannel() = default;

  ChannelId id_;
  std::string uuid_;
  std::unique_ptr<IngestClient> client_;
  Lsn intent_;
  Epoch epoch_ = 0;
  std::uint64_t ordinal_ = 0;
};

}  // namespace luge
