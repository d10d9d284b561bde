#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "state/redis/redis_address.h"

struct redisContext;

namespace luge {

/// One answer of Redis. Errors are not answers: they come as Error.
struct RedisReply {
  enum class Kind : char { nil, text, number, list };
  Kind kind = Kind::nil;
  std::string text;
  std::int64_t number = 0;
  std::vector<RedisReply> list;
};

/// One session with the Redis server (the master, where sentinels name it), signed in and on its database. One thread at a time; blocks, but never
/// longer than the timeouts. Once broken() every call fails; open another one.
///
/// Error codes: "redis_unreachable", "redis_lost", "redis_loading", "redis_readonly" (a replica, or a master that was voted out), "redis_full" (its
/// memory), "redis_unwritable" (its disk, or too few replicas): retry. "redis_auth", "redis_forbidden", "redis_tls", "redis": stop. "redis_lost"
/// after a write leaves it unknown whether it happened, or still will: what had reached Redis is carried out though nobody waits for it.
class RedisConnection {
 public:
  static constexpr Duration kConnectTimeout = std::chrono::seconds(5);
  static constexpr Duration kAnswerTimeout = std::chrono::seconds(5);

  static Result<RedisConnection> open(const RedisAddress& address);

  Result<RedisReply> run(const std::vector<std::string>& words);
  bool broken() const;
  /// "host:port" as connected.
  const std::string& description() const { return description_; }

 private:
  struct Close {
    void operator()(redisContext* context) const;
  };
  RedisConnection() = default;
  static Result<RedisConnection> connect(const RedisAddress::Host& host);
  static Result<RedisAddress::Host> ask_sentinels(const RedisAddress& address);
  Status sign_in(const RedisAddress& address);
  Error lost() const;

  std::unique_ptr<redisContext, Close> context_;
  std::string description_;
};

}  // namespace luge
