#include "state/redis/redis_state_store.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "state/redis/redis_scripts.h"
#include "state/state_record_json.h"

namespace luge {

namespace {

std::string key_of(const std::string& pipeline, std::string_view what) { return "luge:{" + pipeline + "}:" + std::string(what); }

Fence wall_seconds() {
  return static_cast<Fence>(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

/// Somebody else was quicker, or a command of this process that was given up has arrived after all: it is rare, and each time something was done.
constexpr int kMostRivals = 100;

/// Names one write among all.
std::string new_token() {
  std::random_device random;
  return std::to_string(random()) + "-" + std::to_string(random());
}

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
    // Redis was restarted, or something between closed what was quiet. Whether the command was carried out, or still will be, is not known, and does
    // not matter: each may be repeated, and a script that finds what it did not leave there says so.
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
  const std::string owner_key = key_of(pipeline, "owner");
  for (int attempt = 0; attempt < kMostRivals; ++attempt) {
    TRY(const auto owner, text_of(owner_key));
    const Fence newest = owner ? std::strtoull(owner->c_str(), nullptr, 10) : 0;
    const Fence fence = std::max(newest + 1, wall_seconds());
    const std::string token = new_token();
    TRY(const RedisReply reply,
        run(script(redis_scripts::kAcquire, {owner_key, key_of(pipeline, "last_write")}, {owner.value_or(""), std::to_string(fence), token})));
    if (reply.text != "ok") continue;
    known_.erase(pipeline);
    last_write_[pipeline] = token;
    leased_[pipeline] = fence;
    return Lease{pipeline, fence};
  }
  return make_error(Recovery::retry, "redis_contended", "others become the owner of the pipeline " + pipeline + " in Redis again and again",
                    "let one process run each pipeline");
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
  const auto reply = run(script(redis_scripts::kSave, {key_of(lease.pipeline, "owner"), key}, {std::to_string(lease.fence), known, next}));
  CHECK_OK(answer_of(reply, lease.pipeline, lease.fence));
  known = next;
  return ok();
}

Status RedisStateStore::remove(const Lease& lease) {
  std::lock_guard lock(mutex_);
  const auto reply = run(script(
      redis_scripts::kRemove,
      {key_of(lease.pipeline, "owner"), key_of(lease.pipeline, "state"), key_of(lease.pipeline, "ledger"), key_of(lease.pipeline, "last_write")},
      {std::to_string(lease.fence)}));
  CHECK_OK(answer_of(reply, lease.pipeline, lease.fence));
  known_.erase(lease.pipeline);
  last_write_.erase(lease.pipeline);
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
  const std::string last_write_key = key_of(pipeline, "last_write");
  for (int attempt = 1;; ++attempt) {
    if (!last_write_.contains(pipeline)) {
      TRY(const auto there, text_of(last_write_key));
      last_write_[pipeline] = there.value_or("");
    }
    const std::string token = new_token();
    auto words = script(redis_scripts::kSaveLedger, {key_of(pipeline, "owner"), key_of(pipeline, "ledger"), last_write_key},
                        {std::to_string(fence), last_write_[pipeline], token});
    for (const LedgerChange& change : changes) {
      words.insert(words.end(), {change.value ? "s" : "d", change.key});
      if (change.value) words.push_back(*change.value);
    }
    const auto reply = run(words);
    if (reply && reply->text == "changed" && attempt < kMostRivals) {
      last_write_.erase(pipeline);  // an earlier one, whose answer was lost, was carried out
      continue;
    }
    CHECK_OK(answer_of(reply, pipeline, fence));
    last_write_[pipeline] = token;
    return ok();
  }
}

}  // namespace luge
