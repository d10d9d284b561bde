#include "state/redis/redis_state_store.h"

#include <chrono>
#include <utility>

#include "state/state_record_json.h"

namespace luge {

namespace {

std::string key_of(const std::string& pipeline, std::string_view what) { return "luge:{" + pipeline + "}:" + std::string(what); }

std::int64_t wall_seconds() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Each answers with a word; what follows it is for people. Redis runs a script as a whole, and nothing beside it.

/// KEYS: owner. ARGV: the least fence.
constexpr const char* kAcquire = R"(
local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
local fence = math.max(newest + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', fence))
return string.format('%.0f', fence))";

/// KEYS: owner, state. ARGV: fence, the record that must be there ('' for none), the next one.
constexpr const char* kSave = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
local there = redis.call('GET', KEYS[2]) or ''
if there == ARGV[3] then return 'ok' end
if there ~= ARGV[2] then return 'changed' end
redis.call('SET', KEYS[2], ARGV[3])
return 'ok')";

/// KEYS: owner, state, ledger. ARGV: fence.
constexpr const char* kRemove = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
redis.call('DEL', KEYS[2], KEYS[3])
return 'ok')";

/// KEYS: owner, ledger. ARGV: fence, then for each change: 's', key, value, or 'd', key.
constexpr const char* kSaveLedger = R"(
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then return 'fenced ' .. (owner or 'nobody') end
local i = 2
while i <= #ARGV do
  if ARGV[i] == 's' then
    redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2])
    i = i + 3
  else
    redis.call('HDEL', KEYS[2], ARGV[i + 1])
    i = i + 2
  end
end
return 'ok')";

std::vector<std::string> script(const char* text, std::initializer_list<std::string> keys, std::initializer_list<std::string> arguments) {
  std::vector<std::string> words{"EVAL", text, std::to_string(keys.size())};
  words.insert(words.end(), keys);
  words.insert(words.end(), arguments);
  return words;
}

}  // namespace

Result<std::unique_ptr<RedisStateStore>> RedisStateStore::open(RedisAddress address) {
  std::unique_ptr<RedisStateStore> store(new RedisStateStore(std::move(address)));
  if (!store->address_.may_lose) CHECK_OK(store->check_durability());
  return store;
}

Status RedisStateStore::check_durability() {
  constexpr const char* kHow =
      "set appendonly yes and appendfsync always, or accept that luge may have to stop after a crash of Redis: ?may_lose=yes behind the address";
  std::lock_guard lock(mutex_);
  if (!address_.master.empty()) {
    return fatal("redis_may_lose", "a failover of " + address_.redacted() + " can lose what Redis has acknowledged: its replication is asynchronous",
                 "accept that luge may have to stop after a failover: ?may_lose=yes behind the address");
  }
  const auto setting = [this](const char* name) -> Result<std::string> {
    TRY(const RedisReply reply, run({"CONFIG", "GET", name}));
    return reply.list.size() == 2 ? reply.list[1].text : std::string();
  };
  const auto appendonly = setting("appendonly");
  if (!appendonly) {
    if (appendonly.error().code != "redis_forbidden" && appendonly.error().code != "redis") return appendonly.error();
    return fatal("redis_may_lose", "Redis at " + address_.redacted() + " does not tell whether it can lose what it has acknowledged (CONFIG GET)",
                 kHow);
  }
  TRY(const std::string fsync, setting("appendfsync"));
  if (*appendonly == "yes" && fsync == "always") return ok();
  return fatal("redis_may_lose",
               "Redis at " + address_.redacted() + " can lose what it has acknowledged: appendonly is " + *appendonly + ", appendfsync is " + fsync,
               kHow);
}

Result<RedisReply> RedisStateStore::run(const std::vector<std::string>& words) {
  const auto connect = [this]() -> Status {
    connection_.reset();
    TRY(connection_, RedisConnection::open(address_));
    return ok();
  };
  const bool kept = connection_ && !connection_->broken();
  if (!kept) CHECK_OK(connect());
  auto reply = connection_->run(words);
  if (kept && !reply && reply.error().code == "redis_lost") {
    // Redis was restarted, or something between closed what was quiet. Whether the command was carried out is not known, and does not matter: each may
    // be repeated, and a script that finds what it did not leave there says so.
    CHECK_OK(connect());
    reply = connection_->run(words);
  }
  // A master that was voted out says so; the sentinels know the new one.
  if (!reply && reply.error().code == "redis_readonly") connection_.reset();
  return reply;
}

Result<std::optional<std::string>> RedisStateStore::text_of(const std::string& key) {
  TRY(const RedisReply reply, run({"GET", key}));
  if (reply.kind != RedisReply::Kind::text) return std::optional<std::string>();
  return std::optional<std::string>(reply.text);
}

Status RedisStateStore::answer_of(const Result<RedisReply>& reply, const std::string& pipeline, Fence fence) {
  if (!reply) return reply.error();
  if (reply->text == "ok") return ok();
  if (reply->text.starts_with("fenced")) {
    const auto leased = leased_.find(pipeline);
    if (reply->text == "fenced nobody" && leased != leased_.end() && leased->second == fence) {
      return needs_operator("state_lost", "Redis at " + address_.redacted() + " has lost the state of the pipeline " + pipeline,
                            "start luge again: it takes up what the destination remembers. Then look at appendonly and appendfsync");
    }
    return fatal("fenced", "another luge owns the pipeline " + pipeline + " now (this one has fence " + std::to_string(fence) + ")",
                 "let one process run each pipeline");
  }
  return needs_operator("state_lost",
                        "the state of the pipeline " + pipeline + " in Redis at " + address_.redacted() + " is not what luge stored there last",
                        "start luge again: it compares state, destination and slot. Then look at appendonly and appendfsync");
}

Result<Lease> RedisStateStore::acquire(const std::string& pipeline) {
  std::lock_guard lock(mutex_);
  TRY(const RedisReply reply, run(script(kAcquire, {key_of(pipeline, "owner")}, {std::to_string(wall_seconds())})));
  known_.erase(pipeline);
  const auto fence = static_cast<Fence>(std::strtoull(reply.text.c_str(), nullptr, 10));
  leased_[pipeline] = fence;
  return Lease{pipeline, fence};
}

Result<std::optional<StateRecord>> RedisStateStore::load(const std::string& pipeline) {
  std::lock_guard lock(mutex_);
  TRY(const auto text, text_of(key_of(pipeline, "state")));
  if (!text) return std::optional<StateRecord>();
  TRY(StateRecord record, decode_state_record(*text));
  return std::optional<StateRecord>(std::move(record));
}

Status RedisStateStore::save(const Lease& lease, const StateRecord& record) {
  std::lock_guard lock(mutex_);
  const std::string key = key_of(lease.pipeline, "state");
  if (!known_.contains(lease.pipeline)) {
    TRY(const auto there, text_of(key));
    known_[lease.pipeline] = there.value_or("");
  }
  std::string& known = known_[lease.pipeline];
  if (!known.empty()) {
    TRY(const StateRecord previous, decode_state_record(known));
    CHECK_OK(refuse_regress(previous, record));
  }
  const std::string next = encode_state_record(record);
  const auto reply = run(script(kSave, {key_of(lease.pipeline, "owner"), key}, {std::to_string(lease.fence), known, next}));
  CHECK_OK(answer_of(reply, lease.pipeline, lease.fence));
  known = next;
  return ok();
}

Status RedisStateStore::remove(const Lease& lease) {
  std::lock_guard lock(mutex_);
  const auto reply = run(script(kRemove, {key_of(lease.pipeline, "owner"), key_of(lease.pipeline, "state"), key_of(lease.pipeline, "ledger")},
                                {std::to_string(lease.fence)}));
  CHECK_OK(answer_of(reply, lease.pipeline, lease.fence));
  known_.erase(lease.pipeline);
  return ok();
}

Result<std::map<std::string, std::string>> RedisStateStore::load_ledger(const std::string& pipeline) {
  std::lock_guard lock(mutex_);
  TRY(const RedisReply reply, run({"HGETALL", key_of(pipeline, "ledger")}));
  std::map<std::string, std::string> entries;
  for (std::size_t i = 0; i + 1 < reply.list.size(); i += 2) entries[reply.list[i].text] = reply.list[i + 1].text;
  return entries;
}

Status RedisStateStore::save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) {
  std::lock_guard lock(mutex_);
  auto words = script(kSaveLedger, {key_of(pipeline, "owner"), key_of(pipeline, "ledger")}, {std::to_string(fence)});
  for (const LedgerChange& change : changes) {
    words.insert(words.end(), {change.value ? "s" : "d", change.key});
    if (change.value) words.push_back(*change.value);
  }
  return answer_of(run(words), pipeline, fence);
}

}  // namespace luge
