#include "decode/relation_cache.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace luge {
namespace {

constexpr Xid32 kPlain = 0;

RelationMessage relation(RelationOid oid, std::string table) {
  RelationMessage message;
  message.oid = oid;
  message.name = {"public", std::move(table)};
  return message;
}

std::string name_of(RelationCache& cache, Xid32 stream_xid, RelationOid oid) {
  const RelationCache::Entry* entry = cache.find(stream_xid, oid);
  return entry == nullptr ? "" : entry->message.name.table;
}

TEST(RelationCache, FindsTheLastByOid) {
  RelationCache cache;
  EXPECT_EQ(cache.find(kPlain, 1), nullptr);
  cache.put(kPlain, 0, relation(1, "a"));
  cache.put(kPlain, 0, relation(2, "a"));  // the same name: a leaf and its root, a table dropped and made again
  EXPECT_EQ(name_of(cache, kPlain, 1), "a");
  cache.put(kPlain, 0, relation(1, "renamed"));
  EXPECT_EQ(name_of(cache, kPlain, 1), "renamed");
  EXPECT_EQ(name_of(cache, kPlain, 2), "a");
}

TEST(RelationCache, ANewMessageHasNoSchemaYet) {
  RelationCache cache;
  cache.put(kPlain, 0, relation(1, "a"));
  cache.set_schema(kPlain, 1, std::make_shared<const TableSchema>());
  EXPECT_NE(cache.find(kPlain, 1)->schema, nullptr);
  cache.put(kPlain, 0, relation(1, "a"));
  EXPECT_EQ(cache.find(kPlain, 1)->schema, nullptr);
}

TEST(RelationCache, AStreamedTransactionIsPrivate) {
  RelationCache cache;
  cache.put(kPlain, 0, relation(1, "shared"));
  EXPECT_EQ(cache.find(700, 1), nullptr);  // the server has not described it in this transaction
  cache.put(700, 700, relation(1, "altered"));
  cache.put(700, 700, relation(2, "made"));
  EXPECT_EQ(name_of(cache, 700, 1), "altered");
  EXPECT_EQ(name_of(cache, kPlain, 1), "shared");
  EXPECT_EQ(cache.find(kPlain, 2), nullptr);
  EXPECT_EQ(cache.find(800, 1), nullptr);
}

TEST(RelationCache, StreamCommitShares) {
  RelationCache cache;
  cache.put(kPlain, 0, relation(1, "shared"));
  cache.put(700, 700, relation(1, "altered"));
  cache.set_schema(700, 1, std::make_shared<const TableSchema>());
  cache.put(700, 701, relation(2, "made"));
  cache.stream_committed(700);
  EXPECT_EQ(name_of(cache, kPlain, 1), "altered");
  EXPECT_NE(cache.find(kPlain, 1)->schema, nullptr);
  EXPECT_EQ(name_of(cache, kPlain, 2), "made");
  EXPECT_EQ(cache.find(700, 1), nullptr);
}

TEST(RelationCache, StreamCommitDoesNotBringBackWhatIsOlder) {
  RelationCache cache;
  cache.put(700, 700, relation(1, "old"));
  cache.put(kPlain, 0, relation(1, "new"));
  cache.stream_committed(700);
  EXPECT_EQ(name_of(cache, kPlain, 1), "new");
}

TEST(RelationCache, AbortForgetsTheTransaction) {
  RelationCache cache;
  cache.put(kPlain, 0, relation(1, "shared"));
  cache.put(700, 700, relation(1, "altered"));
  cache.put(800, 800, relation(1, "other"));
  cache.stream_aborted(700, 700);
  cache.stream_committed(700);  // nothing is left to share
  EXPECT_EQ(name_of(cache, kPlain, 1), "shared");
  EXPECT_EQ(name_of(cache, 800, 1), "other");
}

TEST(RelationCache, AbortOfASubtransactionForgetsWhatCameSince) {
  RelationCache cache;
  cache.put(700, 700, relation(1, "top"));
  cache.put(700, 701, relation(2, "kept"));
  cache.put(700, 702, relation(1, "altered"));
  cache.put(700, 703, relation(3, "nested"));
  cache.stream_aborted(700, 702);
  EXPECT_EQ(name_of(cache, 700, 1), "top");
  EXPECT_EQ(name_of(cache, 700, 2), "kept");
  EXPECT_EQ(cache.find(700, 3), nullptr);
  cache.put(700, 700, relation(3, "again"));
  cache.stream_committed(700);
  EXPECT_EQ(name_of(cache, kPlain, 1), "top");
  EXPECT_EQ(name_of(cache, kPlain, 3), "again");
}

TEST(RelationCache, AbortOfASubtransactionThatDescribedNothing) {
  RelationCache cache;
  cache.put(700, 700, relation(1, "top"));
  cache.stream_aborted(700, 705);
  cache.stream_aborted(900, 901);
  EXPECT_EQ(name_of(cache, 700, 1), "top");
}

TEST(RelationCache, EntriesStayInPlaceWhileOthersCome) {
  RelationCache cache;
  RelationCache::Entry* plain = &cache.put(kPlain, 0, relation(1, "plain"));
  RelationCache::Entry* streamed = &cache.put(700, 700, relation(1, "streamed"));
  for (RelationOid oid = 2; oid < 500; ++oid) {
    cache.put(kPlain, 0, relation(oid, "t"));
    cache.put(700, 701, relation(oid, "t"));
  }
  cache.stream_aborted(700, 701);
  EXPECT_EQ(cache.find(kPlain, 1), plain);
  EXPECT_EQ(cache.find(700, 1), streamed);
  EXPECT_EQ(streamed->message.name.table, "streamed");
}

TEST(RelationCache, ClearForgetsEverything) {
  RelationCache cache;
  cache.put(kPlain, 0, relation(1, "a"));
  cache.put(700, 700, relation(1, "b"));
  EXPECT_NE(cache.find(700, 1), nullptr);
  cache.clear();
  EXPECT_EQ(cache.find(700, 1), nullptr);
  EXPECT_EQ(cache.find(kPlain, 1), nullptr);
  cache.stream_committed(700);
  EXPECT_EQ(cache.find(kPlain, 1), nullptr);
}

}  // namespace
}  // namespace luge
