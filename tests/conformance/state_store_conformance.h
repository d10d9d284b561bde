#pragma once
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "state/state_store.h"

namespace luge {

/// How one kind of StateStore is made for the suite. `open` may be called several times for one place: each call is another
/// process's view of it. `place` is new for every test.
struct StateStoreQuirks {
  std::string name;
  std::function<std::string()> new_place;
  std::function<Result<std::unique_ptr<StateStore>>(const std::string& place)> open;
};

/// What every StateStore must do. Instantiate with INSTANTIATE_TEST_SUITE_P(Name, StateStoreConformance, testing::Values(quirks)).
class StateStoreConformance : public testing::TestWithParam<StateStoreQuirks> {
 protected:
  std::unique_ptr<StateStore> open() {
    auto store = GetParam().open(place_);
    EXPECT_TRUE(store) << store.error().message();
    return store ? std::move(*store) : nullptr;
  }
  static Lease acquire(StateStore& store, const std::string& pipeline = "luge") {
    auto lease = store.acquire(pipeline);
    EXPECT_TRUE(lease) << lease.error().message();
    return lease ? *lease : Lease{};
  }
  static StateRecord record_at(std::uint64_t lsn, Epoch epoch = 1) {
    StateRecord record;
    record.system_identifier = 7'301'234'567'890'123'456ULL;
    record.database_oid = 16'384;
    record.timeline = 3;
    record.slot = "luge_luge";
    record.slot_phase = StateRecord::SlotPhase::ready;
    record.publication = "luge_luge";
    record.publication_oid = 4'294'967'295U;
    record.publication_seen = Lsn{0xF'0000'0001};
    record.epoch = epoch;
    record.ack_intent = Lsn{lsn + 10};
    record.quiet_since = Lsn{lsn + 2};
    record.checkpoint = {epoch, Lsn{lsn}, Lsn{lsn + 8}};
    record.mirror_uuid = "0c7f";
    record.destination = "duckdb:it's \"here\"\n.duckdb";
    record.source = "host=db dbname=å";
    record.options_fingerprint = "f";
    record.paused = true;
    return record;
  }
  static std::string refusal(const Status& status) { return status ? "" : status.error().code; }

  const std::string place_ = GetParam().new_place();
};

TEST_P(StateStoreConformance, StartsEmptyAndKeepsEveryMember) {
  auto store = open();
  EXPECT_FALSE((*store->load("luge")).has_value());
  const Lease lease = acquire(*store);
  const StateRecord saved = record_at(UINT64_MAX - 100);
  ASSERT_TRUE(store->save(lease, saved));
  store = open();  // another process reads the same
  const auto loaded = store->load("luge");
  ASSERT_TRUE(loaded && *loaded);
  const StateRecord& read = **loaded;
  EXPECT_EQ(read.system_identifier, saved.system_identifier);
  EXPECT_EQ(read.database_oid, saved.database_oid);
  EXPECT_EQ(read.timeline, saved.timeline);
  EXPECT_EQ(read.slot, saved.slot);
  EXPECT_EQ(read.slot_phase, saved.slot_phase);
  EXPECT_EQ(read.publication, saved.publication);
  EXPECT_EQ(read.publication_oid, saved.publication_oid);
  EXPECT_EQ(read.publication_seen, saved.publication_seen);
  EXPECT_EQ(read.epoch, saved.epoch);
  EXPECT_EQ(read.ack_intent, saved.ack_intent);
  EXPECT_EQ(read.quiet_since, saved.quiet_since);
  EXPECT_EQ(read.checkpoint, saved.checkpoint);
  EXPECT_EQ(read.mirror_uuid, saved.mirror_uuid);
  EXPECT_EQ(read.destination, saved.destination);
  EXPECT_EQ(read.source, saved.source);
  EXPECT_EQ(read.options_fingerprint, saved.options_fingerprint);
  EXPECT_EQ(read.paused, saved.paused);
}

TEST_P(StateStoreConformance, EveryAcquireFencesTheOnesBefore) {
  auto first = open();
  auto second = open();
  const Lease old_lease = acquire(*first);
  ASSERT_TRUE(first->save(old_lease, record_at(100)));
  const Lease new_lease = acquire(*second);
  EXPECT_GT(new_lease.fence, old_lease.fence);
  EXPECT_EQ(refusal(first->save(old_lease, record_at(200))), "fenced");
  EXPECT_EQ(refusal(first->remove(old_lease)), "fenced");
  EXPECT_EQ((**second->load("luge")).checkpoint.commit_lsn, Lsn{100});
  EXPECT_TRUE(second->save(new_lease, record_at(200)));
}

TEST_P(StateStoreConformance, NeverGoesBackWithinAnEpoch) {
  auto store = open();
  const Lease lease = acquire(*store);
  ASSERT_TRUE(store->save(lease, record_at(100, 2)));
  EXPECT_TRUE(store->save(lease, record_at(100, 2)));  // the same again is no regress
  StateRecord intent_back = record_at(100, 2);
  intent_back.ack_intent = Lsn{109};
  EXPECT_EQ(refusal(store->save(lease, intent_back)), "regress");
  StateRecord checkpoint_back = record_at(100, 2);
  checkpoint_back.checkpoint.commit_lsn = Lsn{99};
  EXPECT_EQ(refusal(store->save(lease, checkpoint_back)), "regress");
  EXPECT_EQ(refusal(store->save(lease, record_at(500, 1))), "regress");
  EXPECT_EQ((**store->load("luge")).ack_intent, Lsn{110});
  EXPECT_TRUE(store->save(lease, record_at(5, 3)));  // a new epoch starts its own positions
}

TEST_P(StateStoreConformance, RemoveForgetsTheRecordButNotTheFence) {
  auto store = open();
  const Lease first = acquire(*store);
  ASSERT_TRUE(store->save(first, record_at(100)));
  ASSERT_TRUE(store->remove(first));
  EXPECT_FALSE((*store->load("luge")).has_value());
  const Lease second = acquire(*store);
  EXPECT_GT(second.fence, first.fence);
  EXPECT_EQ(refusal(store->save(first, record_at(100))), "fenced");
  EXPECT_TRUE(store->save(second, record_at(1)));
}

TEST_P(StateStoreConformance, PipelinesDoNotSeeEachOther) {
  auto store = open();
  const Lease one = acquire(*store, "one");
  const Lease two = acquire(*store, "two");
  ASSERT_TRUE(store->save(one, record_at(100)));
  ASSERT_TRUE(store->save(two, record_at(50)));
  EXPECT_EQ((**store->load("one")).checkpoint.commit_lsn, Lsn{100});
  EXPECT_EQ((**store->load("two")).checkpoint.commit_lsn, Lsn{50});
}

TEST_P(StateStoreConformance, RefusesALeaseThatWasNeverGiven) {
  auto store = open();
  EXPECT_EQ(refusal(store->save(Lease{"luge", 0}, record_at(1))), "fenced");
  const Lease lease = acquire(*store);
  EXPECT_EQ(refusal(store->save(Lease{"luge", lease.fence + 1}, record_at(1))), "fenced");
}

}  // namespace luge
