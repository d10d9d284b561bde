#include "service/catalog/redis_leases.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace luge {

namespace {

// Three hashes by pipeline (owner, fence, when it expires) and one by process (when it expires), in milliseconds of Redis' clock. A script runs
// as a whole, and nothing beside it. KEYS: owners, fences, expiries, instances.

/// ARGV: owner, time to live, 1 if it is available. Answers five words a lease ("l", pipeline, owner, fence, 1 if expired), then two a living process.
constexpr const char* kRenew = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local until_ms = now + tonumber(ARGV[2])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3] == '1' and until_ms or 0)
local answer = {}
local owners = redis.call('HGETALL', KEYS[1])
for i = 1, #owners, 2 do
  local expires = tonumber(redis.call('HGET', KEYS[3], owners[i]) or '0')
  if owners[i + 1] == ARGV[1] then
    expires = until_ms
    redis.call('HSET', KEYS[3], owners[i], until_ms)
  end
  local fence = redis.call('HGET', KEYS[2], owners[i]) or '0'
  for _, word in ipairs({'l', owners[i], owners[i + 1], fence, expires < now and '1' or '0'}) do table.insert(answer, word) end
end
local instances = redis.call('HGETALL', KEYS[4])
for i = 1, #instances, 2 do
  local expires = tonumber(instances[i + 1])
  if expires >= now then
    table.insert(answer, 'i')
    table.insert(answer, instances[i])
  elseif expires < now - 3600000 and instances[i] ~= ARGV[1] then
    redis.call('HDEL', KEYS[4], instances[i])
  end
end
return answer)";

/// ARGV: pipeline, owner, time to live. Answers the fence, or nothing.
constexpr const char* kAcquire = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local owner = redis.call('HGET', KEYS[1], ARGV[1])
if owner and owner ~= '' and owner ~= ARGV[2] and tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0') >= now then return false end
local fence = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], now + tonumber(ARGV[3]))
return tostring(fence))";

/// ARGV: pipeline, owner, fence. The fence stays: it must never be given twice.
constexpr const char* kRelease = R"(
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] and redis.call('HGET', KEYS[2], ARGV[1]) == ARGV[3] then
  redis.call('HSET', KEYS[1], ARGV[1], '')
  redis.call('HSET', KEYS[3], ARGV[1], 0)
end
return 'ok')";

/// ARGV: owner.
constexpr const char* kLeave = R"(
local owners = redis.call('HGETALL', KEYS[1])
for i = 1, #owners, 2 do
  if owners[i + 1] == ARGV[1] then
    redis.call('HSET', KEYS[1], owners[i], '')
    redis.call('HSET', KEYS[3], owners[i], 0)
  end
end
redis.call('HDEL', KEYS[4], ARGV[1])
return 'ok')";

Error malformed() {
  return fatal("redis", "Redis answered a question about leases with something that luge has not written", "let luge have this key to itself");
}

}  // namespace

RedisLeases::RedisLeases(RedisAddress address, std::string scope) : address_(std::move(address)), key_("luge:{leases:" + std::move(scope) + "}:") {}
RedisLeases::~RedisLeases() = default;

Result<RedisReply> RedisLeases::run(const char* script, std::vector<std::string> arguments) {
  const std::lock_guard lock(mutex_);
  if (!connection_ || connection_->broken()) {
    connection_.reset();
    TRY(connection_, RedisConnection::open(address_));
  }
  std::vector<std::string> words{"EVAL", script, "4", key_ + "owners", key_ + "fences", key_ + "expiries", key_ + "instances"};
  words.insert(words.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
  auto reply = connection_->run(words);
  // A master that was voted out says so; the sentinels know the new one.
  if (!reply && reply.error().code == "redis_readonly") connection_.reset();
  return reply;
}

Result<LeaseView> RedisLeases::renew(const std::string& owner, Duration time_to_live, bool available) {
  TRY(const RedisReply reply, run(kRenew, {owner, std::to_string(whole_ms(time_to_live)), available ? "1" : "0"}));
  LeaseView view;
  for (std::size_t i = 0; i < reply.list.size();) {
    const bool lease = reply.list[i].text == "l";
    const std::size_t words = lease ? 5 : 2;
    if (i + words > reply.list.size()) return malformed();
    if (lease) {
      view.leases.push_back({{reply.list[i + 1].text, reply.list[i + 2].text, std::strtoll(reply.list[i + 3].text.c_str(), nullptr, 10)},
                             reply.list[i + 4].text == "1"});
    } else {
      view.instances.push_back(reply.list[i + 1].text);
    }
    i += words;
  }
  std::ranges::sort(view.leases, {}, [](const LeaseView::Entry& entry) { return entry.lease.pipeline; });
  std::ranges::sort(view.instances);
  return view;
}

Result<std::optional<PipelineLease>> RedisLeases::try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) {
  TRY(const RedisReply reply, run(kAcquire, {pipeline, owner, std::to_string(whole_ms(time_to_live))}));
  if (reply.kind != RedisReply::Kind::text) return std::optional<PipelineLease>();
  return std::optional<PipelineLease>(PipelineLease{pipeline, owner, std::strtoll(reply.text.c_str(), nullptr, 10)});
}

Status RedisLeases::release(const PipelineLease& lease) {
  TRY(const RedisReply done, run(kRelease, {lease.pipeline, lease.owner, std::to_string(lease.fence)}));
  return ok();
}

Status RedisLeases::leave(const std::string& owner) {
  TRY(const RedisReply done, run(kLeave, {owner}));
  return ok();
}

}  // namespace luge
