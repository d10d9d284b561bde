#include "state/redis/redis_state_store.h"

#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>

#include "conformance/state_store_conformance.h"
#include "support/temp_redis.h"

namespace luge {
namespace {

Result<std::unique_ptr<StateStore>> open_at(const std::string& place) {
  TRY(const RedisAddress address, RedisAddress::parse(place));
  TRY(std::unique_ptr<StateStore> store, RedisStateStore::open(address));
  return store;
}

std::unique_ptr<RedisStateStore> opened(const std::string& place) {
  auto store = RedisStateStore::open(*RedisAddress::parse(place));
  EXPECT_TRUE(store) << store.error().message();
  return store ? std::move(*store) : nullptr;
}

std::string refusal(const std::string& place) {
  const auto store = RedisStateStore::open(*RedisAddress::parse(place));
  return store ? "" : store.error().code;
}

/// A database of the server for each test.
std::string new_place() {
  static std::atomic<int> next{0};
  return TempRedis::shared().url() + "/" + std::to_string(++next);
}

INSTANTIATE_TEST_SUITE_P(Redis, StateStoreConformance, testing::Values(StateStoreQuirks{"redis", new_place, open_at}));

StateRecord record_at(std::uint64_t lsn) {
  StateRecord record;
  record.epoch = 1;
  record.ack_intent = Lsn{lsn};
  record.checkpoint = {1, Lsn{lsn}, Lsn{lsn}};
  return record;
}

std::string code_of(const Status& status) { return status ? "" : status.error().code; }

TEST(RedisStateStore, LedgerChangesTogetherAndOnlyForTheOwner) {
  auto store = opened(new_place());
  const Lease old = *store->acquire("p");
  ASSERT_TRUE(store->save_ledger("p", old.fence, {{"a", "1"}, {"b", "2"}}));
  ASSERT_TRUE(store->save_ledger("p", old.fence, {{"a", std::string("3\0\n", 3)}, {"b", std::nullopt}, {"never", std::nullopt}}));
  EXPECT_EQ(*store->load_ledger("p"), (std::map<std::string, std::string>{{"a", std::string("3\0\n", 3)}}));
  EXPECT_TRUE(store->load_ledger("other")->empty());
  const Lease lease = *store->acquire("p");
  EXPECT_EQ(code_of(store->save_ledger("p", old.fence, {{"a", "zombie"}})), "fenced");
  ASSERT_TRUE(store->remove(lease));
  EXPECT_TRUE(store->load_ledger("p")->empty());
}

TEST(RedisStateStore, SurvivesAKillAndComesBackByItself) {
  TempRedis redis;
  auto store = opened(redis.url());
  const Lease lease = *store->acquire("p");
  ASSERT_TRUE(store->save(lease, record_at(77)));
  redis.kill();
  const Status lost = store->save(lease, record_at(78));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().recovery, Recovery::retry) << lost.error().message();
  redis.start();
  EXPECT_EQ((**store->load("p")).ack_intent, Lsn{77});
  EXPECT_TRUE(store->save(lease, record_at(78)));
  EXPECT_EQ((**opened(redis.url())->load("p")).ack_intent, Lsn{78});
}

TEST(RedisStateStore, ARestartBetweenTwoCommandsIsNotNoticed) {
  TempRedis redis;
  auto store = opened(redis.url());
  const Lease lease = *store->acquire("p");
  ASSERT_TRUE(store->save(lease, record_at(77)));
  redis.kill();
  redis.start();
  const Status saved = store->save(lease, record_at(78));
  EXPECT_TRUE(saved) << saved.error().message();
  EXPECT_EQ((**store->load("p")).ack_intent, Lsn{78});
}

TEST(RedisStateStore, LostDataIsNoticedAndNothingIsWritten) {
  TempRedis redis;
  auto store = opened(redis.url());
  const Lease lease = *store->acquire("p");
  ASSERT_TRUE(store->save(lease, record_at(77)));
  redis.kill();
  std::filesystem::remove_all(redis.data());
  redis.start();
  EXPECT_EQ(code_of(store->save(lease, record_at(78))), "state_lost");
  EXPECT_FALSE((*store->load("p")).has_value());
}

TEST(RedisStateStore, OlderDataIsNoticedToo) {
  TempRedis redis;
  auto store = opened(redis.url());
  const Lease lease = *store->acquire("p");
  ASSERT_TRUE(store->save(lease, record_at(77)));
  ASSERT_TRUE(store->save(lease, record_at(78)));
  redis.run({"SET", "luge:{p}:state", "{}"});
  EXPECT_EQ(code_of(store->save(lease, record_at(79))), "state_lost");
}

TEST(RedisStateStore, WhatCanLoseWritesIsRefusedUnlessTold) {
  TempRedis careless({"--appendfsync", "everysec"});
  EXPECT_EQ(refusal(careless.url()), "redis_may_lose");
  EXPECT_EQ(refusal(careless.url() + "?may_lose=yes"), "");
  EXPECT_EQ(refusal("redis+sentinel://127.0.0.1:1/main"), "redis_may_lose");
}

TEST(RedisStateStore, PasswordsAndRights) {
  TempRedis redis({"--user", "luge", "on", ">s3cret", "~luge:*", "+@read", "+@write", "+@scripting", "+config|get", "+role", "+ping", "--user",
                   "poor", "on", ">pw", "~x", "+get", "--requirepass", "main"});
  const std::string at = "127.0.0.1:" + std::to_string(redis.port());
  EXPECT_EQ(refusal("redis://" + at), "redis_auth");
  EXPECT_EQ(refusal("redis://:wrong@" + at), "redis_auth");
  EXPECT_EQ(refusal("redis://:main@" + at), "");
  auto store = opened("redis://luge:s3cret@" + at);
  const Lease lease = *store->acquire("p");
  EXPECT_TRUE(store->save(lease, record_at(1)));
  EXPECT_EQ(refusal("redis://poor:pw@" + at), "redis_may_lose") << "it may not ask";
  auto poor = opened("redis://poor:pw@" + at + "?may_lose=yes");
  const auto forbidden = poor->acquire("p");
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code, "redis_forbidden");
  const auto wrong = RedisStateStore::open(*RedisAddress::parse("redis://luge:mistyped@" + at));
  EXPECT_EQ(wrong.error().message().find("mistyped"), std::string::npos);
}

TEST(RedisStateStore, MemoryThatIsFullIsSaidAndWaitedFor) {
  TempRedis redis({"--maxmemory", "1"});
  auto store = opened(redis.url());
  const auto lease = store->acquire("p");
  const Status full = lease ? store->save(*lease, record_at(1)) : Status(lease.error());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, "redis_full");
  EXPECT_EQ(full.error().recovery, Recovery::retry);
  redis.run({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(store->save(*store->acquire("p"), record_at(1)));
}

TEST(RedisStateStore, AReplicaIsNoPlaceToWrite) {
  TempRedis master;
  TempRedis replica({"--replicaof", "127.0.0.1", std::to_string(master.port())});
  auto store = opened(replica.url());
  const auto lease = store->acquire("p");
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, "redis_readonly") << lease.error().message();
}

TEST(RedisStateStore, NobodyThereAndTls) {
  EXPECT_EQ(refusal("redis://127.0.0.1:1"), "redis_unreachable");
  EXPECT_EQ(refusal("rediss://127.0.0.1:1"), "redis_tls");
}

}  // namespace
}  // namespace luge
