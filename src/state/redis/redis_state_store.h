#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ledger_store.h"
#include "state/redis/redis_address.h"
#include "state/redis/redis_connection.h"
#include "state/state_store.h"

namespace luge {

/// StateStore in Redis: of each pipeline the keys luge:{NAME}:owner (fence), luge:{NAME}:state (the record as JSON), luge:{NAME}:ledger (a hash) and
/// luge:{NAME}:last_write (a token; what an earlier version left has none). Every write is a Lua script that compares fence and what is there before
/// it changes anything, so it happens wholly or not at all. A write whose answer is lost is sent again, and may arrive twice, the first time last:
/// a record, an owner or a ledger that was written since is another than the one it names, so it changes nothing then.
/// Thread-safe. Connects again by itself; nothing else is retried here.
///
/// A Redis that can lose what it has acknowledged is refused at open ("redis_may_lose"): it needs appendonly yes and appendfsync always, and no
/// failover (replication is asynchronous), unless the address says may_lose=yes. What was lost is noticed at the next write ("state_lost"): the
/// pipeline stops, and the next start takes up the destination's own copy of the intent (correctness.md §11).
///
/// A fence is at least the wall clock in seconds, as in SQLite. Error codes: those of RedisConnection, "redis_may_lose", "redis_contended", "fenced",
/// "regress", "state_lost", "state_corrupt".
class RedisStateStore final : public StateStore, public LedgerStore {
 public:
  static Result<std::unique_ptr<RedisStateStore>> open(RedisAddress address);

  Result<Lease> acquire(const std::string& pipeline) override;
  Result<std::optional<StateRecord>> load(const std::string& pipeline) override;
  Status save(const Lease& lease, const StateRecord& record) override;
  /// Forgets record and ledger; the fence stays, so that older leases stay dead.
  Status remove(const Lease& lease) override;
  Result<std::map<std::string, std::string>> load_ledger(const std::string& pipeline) override;
  Status save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) override;

 private:
  explicit RedisStateStore(RedisAddress address) : address_(std::move(address)) {}
  Status check_durability();
  Result<RedisReply> run(const std::vector<std::string>& words);
  Result<std::optional<std::string>> text_of(const std::string& key);
  Status answer_of(const Result<RedisReply>& reply, const std::string& pipeline, Fence fence);

  const RedisAddress address_;
  std::mutex mutex_;  ///< protects what follows
  std::optional<RedisConnection> connection_;
  /// What this process wrote or read last: a Redis that lost something shows by another.
  std::map<std::string, std::string> known_;
  std::map<std::string, std::string> last_write_;  ///< to owner or ledger, by this process
  std::map<std::string, Fence> leased_;  ///< by this process
};

}  // namespace luge
