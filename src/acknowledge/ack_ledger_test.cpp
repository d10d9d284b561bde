#include "acknowledge/ack_ledger.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

Checkpoint at(std::uint64_t commit, std::uint64_t end) { return {1, Lsn{commit}, Lsn{end}}; }

TEST(AckLedger, IdlePositionsAreCompleteAtOnce) {
  AckLedger ledger(Lsn{10});
  ledger.received(Lsn{50});
  EXPECT_EQ(ledger.complete_through(), Lsn{50});
  ledger.received(Lsn{40});
  EXPECT_EQ(ledger.complete_through(), Lsn{50});
}

TEST(AckLedger, OpenDataHoldsBackWhatFollowsIt) {
  AckLedger ledger(Lsn{10});
  ledger.data_added({});
  ledger.received(Lsn{50});
  ledger.received(Lsn{60});
  EXPECT_EQ(ledger.complete_through(), Lsn{10});
  ledger.sealed(at(45, 50));
  EXPECT_EQ(ledger.complete_through(), Lsn{10});
  ledger.received(Lsn{70});
  ledger.durable(at(45, 50));
  EXPECT_EQ(ledger.complete_through(), Lsn{70});
}

TEST(AckLedger, DurabilityMovesBatchByBatch) {
  AckLedger ledger(Lsn{0});
  ledger.data_added({});
  ledger.received(Lsn{10});
  ledger.sealed(at(9, 10));
  ledger.data_added({});
  ledger.received(Lsn{20});
  ledger.sealed(at(19, 20));
  ledger.data_added({});
  ledger.received(Lsn{30});
  ledger.durable(at(9, 10));
  EXPECT_EQ(ledger.complete_through(), Lsn{10});
  ledger.durable(at(19, 20));
  EXPECT_EQ(ledger.complete_through(), Lsn{20});
  EXPECT_FALSE(ledger.idle());
}

TEST(AckLedger, DiscardedDataMustComeAgain) {
  AckLedger ledger(Lsn{0});
  ledger.data_added({});
  ledger.received(Lsn{10});
  ledger.discarded();
  EXPECT_EQ(ledger.complete_through(), Lsn{0});
  EXPECT_EQ(ledger.received(), Lsn{0});
  ledger.received(Lsn{5});
  EXPECT_EQ(ledger.complete_through(), Lsn{5});
}

TEST(AckLedger, HoldFreezes) {
  AckLedger ledger(Lsn{5});
  ledger.hold(true);
  ledger.received(Lsn{10});
  EXPECT_EQ(ledger.complete_through(), Lsn{5});
  ledger.hold(false);
  ledger.received(Lsn{11});
  EXPECT_EQ(ledger.complete_through(), Lsn{11});
}

TEST(AckLedger, TellsWhenTheOldestTransactionOfABatchWasCommitted) {
  AckLedger ledger(Lsn{0});
  ledger.data_added(PgTimestamp{7});
  ledger.data_added(PgTimestamp{9});
  ledger.received(Lsn{10});
  ledger.sealed(at(9, 10));
  ledger.operation_added();
  ledger.received(Lsn{20});
  ledger.sealed(at(19, 20));
  EXPECT_EQ(ledger.durable(at(9, 10)), std::optional(PgTimestamp{7}));
  EXPECT_EQ(ledger.durable(at(19, 20)), std::nullopt) << "it held no transaction";
}

TEST(AckLedgerDeath, SuccessBeforeTheBatchIsABrokenPromise) {
  AckLedger ledger(Lsn{0});
  ledger.data_added({});
  ledger.received(Lsn{10});
  ledger.sealed(at(9, 10));
  EXPECT_DEATH(ledger.durable(at(8, 9)), "stands before the batch");
}

}  // namespace
}  // namespace luge
