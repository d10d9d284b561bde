#include "pipeline/witness_check.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

const Witness kWitness{Lsn{500}, {77}};

class WitnessCheckTest : public ::testing::Test {
 protected:
  WitnessCheckTest() { ledger_.set_durable_checkpoint({1, Lsn{520}, Lsn{530}, kWitness}); }

  AckLedger ledger_{Lsn{400}};
  WitnessCheck check_{ledger_};
};

TEST_F(WitnessCheckTest, the_same_history_sends_the_witness_again) {
  check_.start_session(kWitness, Lsn{450});
  EXPECT_TRUE(check_.waiting());
  EXPECT_TRUE(check_.transaction({Lsn{460}, {70}}).has_value());
  EXPECT_TRUE(check_.position(Lsn{480}).has_value());
  EXPECT_TRUE(check_.position(Lsn{500}).has_value());  // the record before the witness ends where it begins
  EXPECT_TRUE(check_.waiting());
  EXPECT_TRUE(check_.transaction(kWitness).has_value());
  EXPECT_FALSE(check_.waiting());
  EXPECT_TRUE(check_.position(Lsn{510}).has_value());
  EXPECT_TRUE(check_.transaction({Lsn{600}, {99}}).has_value());
}

TEST_F(WitnessCheckTest, what_stands_beyond_it_or_in_its_place_is_another_history) {
  const Witness others[] = {{Lsn{501}, {77}}, {Lsn{600}, {99}}, {Lsn{500}, {78}}};
  for (const Witness& other : others) {
    check_.start_session(kWitness, Lsn{450});
    const Status status = check_.transaction(other);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, "gap");
    EXPECT_EQ(status.error().exit_code, ExitCode::operator_decision);
    EXPECT_NE(status.error().what.find("set back to an older copy"), std::string::npos) << status.error().what;
    EXPECT_TRUE(check_.waiting());
  }
}

TEST_F(WitnessCheckTest, a_position_beyond_it_proves_that_it_never_comes) {
  check_.start_session(kWitness, Lsn{450});
  const Status status = check_.position(Lsn{501});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, "gap");
}

TEST_F(WitnessCheckTest, a_transaction_across_the_place_of_the_witness_is_of_another_history) {
  check_.start_session(kWitness, Lsn{450});
  EXPECT_TRUE(check_.transaction({Lsn{490}, {70}}).has_value());
  EXPECT_FALSE(check_.position(Lsn{510}).has_value());
}

TEST_F(WitnessCheckTest, nothing_is_expected_that_the_server_may_leave_out) {
  check_.start_session(kWitness, Lsn{501});  // a transaction is sent if its commit record begins at or after the slot's position
  EXPECT_FALSE(check_.waiting());
  EXPECT_TRUE(check_.transaction({Lsn{600}, {99}}).has_value());
  check_.start_session(kWitness, Lsn{500});
  EXPECT_TRUE(check_.waiting());
  check_.end_session();
  EXPECT_FALSE(check_.waiting());
  check_.start_session({}, Lsn{});
  EXPECT_FALSE(check_.waiting());
  EXPECT_TRUE(check_.position(Lsn{600}).has_value());
}

// Only the destination can say whether a batch that is on its way became part of it.
TEST_F(WitnessCheckTest, a_witness_that_is_not_durable_yet_asks_for_a_new_opening) {
  const Witness on_its_way{Lsn{550}, {88}};
  check_.start_session(on_its_way, Lsn{450});
  const Status status = check_.transaction({Lsn{600}, {99}});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, "regress");
  EXPECT_EQ(status.error().recovery, Recovery::retry);
  ledger_.received(Lsn{560});  // it brought nothing for the destination, and may be acknowledged
  EXPECT_EQ(check_.transaction({Lsn{600}, {99}}).error().code, "gap");
}

TEST(Checkpoint, the_witness_takes_no_part_in_the_order) {
  const Checkpoint a{1, Lsn{10}, Lsn{11}, {Lsn{10}, {1}}};
  const Checkpoint b{1, Lsn{10}, Lsn{11}};
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a < b);
  EXPECT_LT(b, (Checkpoint{1, Lsn{20}, Lsn{21}}));
  EXPECT_LT((Checkpoint{1, Lsn{20}, Lsn{21}}), (Checkpoint{2, Lsn{10}, Lsn{11}}));
}

}  // namespace
}  // namespace luge
