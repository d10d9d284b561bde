#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "destination/snowflake/snowflake_connection.h"
#include "model/intent.h"

namespace luge {

/// The destination's own copy of how far it is: the offset token of a channel on luge's control table, readable without a warehouse, and the newest
/// row there, for SQL. It says that all commits before an LSN are durable: the checkpoint's end, or ack_intent where that is further. Whoever
/// opens it fences an older owner, and now and then deletes what the newest row has made useless.
class ControlChannel {
 public:
  /// Makes schema and table if they are not there. Errors: SqlClient's and IngestClient's, and those of ControlTable.
  static Result<std::unique_ptr<ControlChannel>> open(const SnowflakeConnection& connection, SqlSession& sql, const std::string& pipeline,
                                                      const std::stop_token& stop);

  /// Where luge's own tables are.
  const std::string& schema() const { return id_.schema; }
  const std::string& uuid() const { return uuid_; }
  const Intent& intent() const { return intent_; }

  /// Taken when it returns, durable a few seconds later.
  Status record(const Intent& intent);
  /// Waits until what was recorded is committed, so that SQL sees it. "unsettled" at the deadline.
  Status settle(Duration longest);
  /// An SQL expression: positions of changes that are durable as whole transactions are less than it. NULL before anything is recorded.
  std::string bound_sql() const;

 private:
  ControlChannel() = default;

  ChannelId id_;
  std::string uuid_;
  std::unique_ptr<IngestClient> client_;
  Intent intent_;
  std::uint64_t ordinal_ = 0;
  std::optional<Position> recorded_;  ///< by this process
};

}  // namespace luge
