#include "app/start_checks.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using Kind = GapVerdict::Kind;

StateRecord record(Lsn intent) {
  StateRecord state;
  state.system_identifier = 42;
  state.database_oid = 5;
  state.timeline = 1;
  state.slot = state.publication = "luge_luge";
  state.slot_phase = StateRecord::SlotPhase::ready;
  state.publication_oid = 77;
  state.epoch = 1;
  state.ack_intent = intent;
  state.checkpoint = {1, Lsn{intent.value - 10}, intent};
  state.mirror_uuid = "m";
  return state;
}

StartFacts resuming() {
  StartFacts facts;
  facts.session.system_identifier = 42;
  facts.session.database_oid = 5;
  facts.session.timeline = 1;
  facts.session.server_lsn = Lsn{1000};
  facts.session.slot.exists = true;
  facts.session.slot.confirmed_flush = Lsn{500};
  facts.session.publication_exists = true;
  facts.session.publication_oid = 77;
  facts.before = facts.after = record(Lsn{600});
  facts.remains = {false, true};
  return facts;
}

std::optional<Kind> foreseen(const StartFacts& facts) {
  const auto gap = foresee_gap(facts);
  return gap ? std::optional(gap->kind) : std::nullopt;
}

TEST(StartChecks, NothingIsFoundWhereEverythingIsAsItWas) {
  EXPECT_EQ(foreseen(resuming()), std::nullopt);
  EXPECT_FALSE(finds_unknown_slot(resuming()));
}

TEST(StartChecks, WhatTheGapTestWouldSayIsForeseen) {
  StartFacts slot = resuming();
  slot.session.slot.exists = false;
  EXPECT_EQ(foreseen(slot), Kind::gap);
  StartFacts advanced = resuming();
  advanced.session.slot.confirmed_flush = Lsn{601};
  EXPECT_EQ(foreseen(advanced), Kind::gap);
  StartFacts publication = resuming();
  publication.session.publication_exists = false;
  EXPECT_EQ(foreseen(publication), Kind::gap);
  StartFacts restored = resuming();
  restored.session.server_lsn = Lsn{599};
  EXPECT_EQ(foreseen(restored), Kind::gap);
  StartFacts cluster = resuming();
  cluster.session.system_identifier = 43;
  EXPECT_EQ(foreseen(cluster), Kind::identity);
  StartFacts mirror = resuming();
  mirror.remains = {true, false};
  EXPECT_EQ(foreseen(mirror), Kind::destination);
}

TEST(StartChecks, ALugeThatGoesOnMeanwhileIsNoGap) {
  StartFacts acknowledging = resuming();
  acknowledging.session.slot.active = true;
  acknowledging.session.slot.confirmed_flush = Lsn{650};
  acknowledging.after = record(Lsn{700});
  EXPECT_EQ(foreseen(acknowledging), std::nullopt);
  StartFacts writing = resuming();
  writing.session.slot.active = true;
  writing.after = record(Lsn{1100});  // beyond the end of the WAL that was read before
  EXPECT_EQ(foreseen(writing), std::nullopt);
}

TEST(StartChecks, ASlotThatWasBeingMadeIsMadeAgain) {
  StartFacts facts = resuming();
  facts.after->slot_phase = StateRecord::SlotPhase::creating;
  facts.session.publication_exists = false;
  EXPECT_EQ(foreseen(facts), std::nullopt);
  EXPECT_FALSE(finds_unknown_slot(facts));
}

TEST(StartChecks, ASlotThatNothingKnowsOfIsSomebodyElses) {
  StartFacts facts = resuming();
  facts.before = facts.after = std::nullopt;
  facts.remains = {true, false};
  EXPECT_TRUE(finds_unknown_slot(facts));
  facts.remains = {false, true};
  EXPECT_FALSE(finds_unknown_slot(facts)) << "the mirror may know enough";
  facts.remains = {true, false};
  facts.session.slot.exists = false;
  EXPECT_FALSE(finds_unknown_slot(facts));
}

}  // namespace
}  // namespace luge
