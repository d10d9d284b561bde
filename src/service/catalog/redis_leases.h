#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "service/catalog/pipeline_leases.h"
#include "state/redis/redis_address.h"
#include "state/redis/redis_connection.h"

namespace luge {

/// Leases in a Redis, by its clock: for a catalog whose database should not be asked every second, or is a file that several machines share.
/// `scope` tells the processes of one catalog from those of another one in the same Redis. A Redis that forgets them does no harm: everybody
/// takes his share anew, and the fence of the state store decides between two who believe they own a pipeline.
class RedisLeases final : public PipelineLeases {
 public:
  RedisLeases(RedisAddress address, std::string scope);
  ~RedisLeases() override;

  Result<LeaseView> renew(const std::string& owner, Duration time_to_live, bool available) override;
  Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) override;
  Status release(const PipelineLease& lease) override;
  Status leave(const std::string& owner) override;

 private:
  Result<RedisReply> run(const char* script, std::vector<std::string> arguments);

  const RedisAddress address_;
  const std::string key_;
  std::mutex mutex_;
  std::optional<RedisConnection> connection_;  ///< under mutex_
};

}  // namespace luge
