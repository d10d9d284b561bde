#include "state/state_worker.h"

#include <atomic>
#include <gtest/gtest.h>
#include <semaphore>

#include "state/state_record_json.h"

namespace luge {
namespace {

/// In memory; saves wait for `gate` so that a test decides when one is under way.
class GatedStore final : public StateStore {
 public:
  Result<Lease> acquire(const std::string& pipeline) override { return Lease{pipeline, 1}; }
  Result<std::optional<StateRecord>> load(const std::string&) override { return std::optional<StateRecord>(stored); }
  Status save(const Lease&, const StateRecord& record) override {
    started.release();
    gate.acquire();
    if (fail) return fatal("fenced", "another owner");
    ++saves;
    stored = record;
    return ok();
  }
  Status remove(const Lease&) override { return ok(); }

  std::counting_semaphore<> gate{0};
  std::counting_semaphore<> started{0};
  std::atomic<int> saves{0};
  std::atomic<bool> fail{false};
  StateRecord stored;
};

struct StateWorkerTest : testing::Test {
  GatedStore store;
  std::counting_semaphore<> woken{0};
  StateRecord initial = [] {
    StateRecord record;
    record.slot = "luge_luge";
    record.epoch = 4;
    return record;
  }();
  StateWorker worker{store, Lease{"luge", 1}, initial, [this] { woken.release(); }};

  static Checkpoint at(std::uint64_t lsn) { return {4, Lsn{lsn}, Lsn{lsn}}; }
};

TEST_F(StateWorkerTest, OneSaveAtATimeAndTheRestOfTheRecordStays) {
  ASSERT_TRUE(worker.try_save(Lsn{10}, {}, at(9)));
  store.started.acquire();
  EXPECT_FALSE(worker.try_save(Lsn{20}, {}, at(19)));
  EXPECT_FALSE(worker.try_take_saved().has_value());
  store.gate.release();
  woken.acquire();
  EXPECT_FALSE(worker.try_save(Lsn{20}, {}, at(19))) << "the answer was not taken yet";
  const auto saved = worker.try_take_saved();
  ASSERT_TRUE(saved && *saved);
  EXPECT_EQ(**saved, Lsn{10});
  EXPECT_EQ(store.stored.slot, "luge_luge");
  EXPECT_EQ(store.stored.checkpoint, at(9));
  EXPECT_EQ(worker.record().ack_intent, Lsn{10});
  EXPECT_TRUE(worker.try_save(Lsn{20}, {}, at(19)));
  store.gate.release();
  woken.acquire();
}

TEST_F(StateWorkerTest, UpdatesChangeTheRecordThatLaterSavesCarry) {
  store.gate.release(2);
  ASSERT_TRUE(worker.update([](StateRecord& record) { record.publication_oid = 42; }));
  ASSERT_TRUE(worker.try_save(Lsn{10}, {}, at(9)));
  woken.acquire();
  EXPECT_EQ(store.stored.publication_oid, 42U);
  EXPECT_EQ(store.stored.ack_intent, Lsn{10});
}

TEST_F(StateWorkerTest, AfterARefusalNothingIsWritten) {
  store.fail = true;
  store.gate.release(2);
  ASSERT_TRUE(worker.try_save(Lsn{10}, {}, at(9)));
  woken.acquire();
  auto saved = worker.try_take_saved();
  ASSERT_TRUE(saved && !*saved);
  EXPECT_EQ(saved->error().code, "fenced");
  store.fail = false;
  ASSERT_TRUE(worker.try_save(Lsn{11}, {}, at(10)));
  woken.acquire();
  saved = worker.try_take_saved();
  ASSERT_TRUE(saved && !*saved);
  EXPECT_EQ(store.saves, 0);
}

TEST(StateRecordJson, WhatIsNotARecordIsCorrupt) {
  for (const char* text : {"", "[]", "{", R"({"epoch":-1})", R"({"ack_intent":"x"})", R"({"slot_phase":"done"})", R"({"checkpoint":3})"}) {
    const auto record = decode_state_record(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code, "state_corrupt");
  }
}

TEST(StateRecordJson, UnknownAndMissingMembersAreFine) {
  const auto record = decode_state_record(R"({"epoch":3,"later":{"x":1}})");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->epoch, 3U);
  EXPECT_EQ(record->slot_phase, StateRecord::SlotPhase::none);
}

}  // namespace
}  // namespace luge
