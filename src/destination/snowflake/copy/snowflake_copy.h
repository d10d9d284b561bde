#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "destination/destination.h"
#include "destination/snowflake/actors/actor_pool.h"

namespace luge {

/// Rows of one attempt on their way into its own table, through channels of its own. Their order does not matter, so they take turns.
class SnowflakeCopy final : public CopyWriter {
 public:
  /// Changes a chunk on its way (the user's transform); may be empty.
  using Transform = std::function<Result<TableChunk>(TableChunk)>;

  SnowflakeCopy(std::shared_ptr<ActorPool> pool, std::vector<std::shared_ptr<Channel>> channels, std::vector<std::string> names, Epoch epoch,
                RowLayout layout, Transform transform);
  ~SnowflakeCopy() override;

  Status write(TableChunk chunk) override;
  Status finish() override;

 private:
  const std::shared_ptr<ActorPool> pool_;
  const std::vector<std::shared_ptr<Channel>> channels_;
  const std::vector<std::string> names_;
  const Epoch epoch_;
  const RowLayout layout_;
  const Transform transform_;

  std::mutex mutex_;
  std::uint64_t next_ordinal_ = 0;
  std::size_t next_channel_ = 0;
  bool finished_ = false;
};

}  // namespace luge
