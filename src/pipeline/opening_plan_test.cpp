#include "pipeline/opening_plan.h"

#include <gtest/gtest.h>
#include <string_view>

#include "source/catalog_fingerprint.h"

namespace luge {
namespace {

using Kind = OpeningPlan::Kind;
using Phase = StateRecord::SlotPhase;

/// A pipeline in its third epoch that may simply go on.
struct Case {
  OpeningFacts facts;

  Case() {
    StateRecord state;
    facts.source.system_identifier = state.system_identifier = 42;
    facts.source.database_oid = state.database_oid = 5;
    facts.source.timeline = state.timeline = 2;
    facts.source.server_lsn = Lsn{1000};
    facts.source.slot.exists = true;
    facts.source.slot.confirmed_flush = Lsn{500};
    facts.source.publication_exists = true;
    facts.source.publication_oid = state.publication_oid = 77;
    facts.ours.slot = state.slot = "luge_luge";
    facts.ours.publication = state.publication = "luge_luge";
    facts.ours.destination = "duckdb:app.duckdb";
    state.slot_phase = Phase::ready;
    state.epoch = 3;
    state.ack_intent = Lsn{600};
    state.checkpoint = {3, Lsn{550}, Lsn{560}};
    state.mirror_uuid = facts.frontier.mirror_uuid = "m";
    facts.known = state;
    facts.frontier.checkpoint = {3, Lsn{700}, Lsn{710}};
    facts.frontier.tables = {table(TableState::live), table(TableState::catching_up)};
  }
  static TableRecord table(TableState state) {
    TableRecord record;
    record.state = state;
    if (state == TableState::catching_up) record.snapshot = Snapshot{10, 20, {}, 2};
    return record;
  }
  void lose_state() { facts.known.reset(); }
  OpeningPlan plan() const { return plan_opening(facts); }
};

void expect_new_slot(const OpeningPlan& plan, Epoch epoch, bool resync_all, bool drop_slot = true) {
  ASSERT_EQ(plan.kind, Kind::new_slot);
  EXPECT_EQ(plan.record.slot_phase, Phase::creating) << "a crash before the slot's position is stored must be noticed";
  EXPECT_EQ(plan.record.epoch, epoch);
  EXPECT_EQ(plan.record.slot, "luge_luge");
  EXPECT_EQ(plan.record.destination, "duckdb:app.duckdb");
  EXPECT_EQ(plan.record.system_identifier, 42U);
  EXPECT_EQ(plan.resync_all, resync_all);
  EXPECT_EQ(plan.drop_slot, drop_slot);
}

void expect_refusal(const OpeningPlan& plan, std::string_view code, ExitCode exit_code) {
  ASSERT_EQ(plan.kind, Kind::refuse);
  EXPECT_EQ(plan.refusal->code, code);
  EXPECT_EQ(plan.refusal->exit_code, exit_code);
}

TEST(OpeningPlan, WhatAgreesGoesOn) {
  const OpeningPlan plan = Case().plan();
  ASSERT_EQ(plan.kind, Kind::resume);
  EXPECT_FALSE(plan.resync_all);
  EXPECT_FALSE(plan.adopted);
  EXPECT_EQ(plan.record.ack_intent, Lsn{600});
  EXPECT_EQ(plan.frontier.tables[1].state, TableState::catching_up);
}

TEST(OpeningPlan, OnAnotherTimelineCopiesThatHaveNotSettledAreMadeAgain) {
  Case c;
  c.facts.source.timeline = 3;
  c.facts.source.history = {{2, Lsn{900}}};
  const OpeningPlan plan = c.plan();
  ASSERT_EQ(plan.kind, Kind::resume);
  EXPECT_EQ(plan.record.timeline, 3U);
  EXPECT_EQ(plan.frontier.tables[0].state, TableState::live);
  EXPECT_EQ(plan.frontier.tables[1].state, TableState::resyncing);
}

TEST(OpeningPlan, AnEpochInWhichNothingWasCommittedYetCopiesEverything) {
  Case c;
  c.facts.known->epoch = 4;
  EXPECT_TRUE(c.plan().resync_all);
}

TEST(OpeningPlan, AGapIsRepairedOnlyByChoice) {
  Case c;
  c.facts.source.slot.confirmed_flush = Lsn{601};
  expect_refusal(c.plan(), "gap", ExitCode::operator_decision);
  c.facts.repair_gaps = true;
  const OpeningPlan plan = c.plan();
  expect_new_slot(plan, 4, true);
  EXPECT_EQ(plan.verdict->kind, GapVerdict::Kind::gap);
  EXPECT_EQ(plan.record.ack_intent, Lsn{}) << "nothing of the earlier epoch counts";
}

TEST(OpeningPlan, AGapOfTheStreamIsRepairedAlthoughNoFactTellsIt) {
  Case c;
  c.facts.begin_again = c.facts.repair_gaps = true;
  expect_new_slot(c.plan(), 4, true);
}

TEST(OpeningPlan, AnotherClusterIsNeverTakenForAGap) {
  Case c;
  c.facts.repair_gaps = true;
  c.facts.source.system_identifier = 43;
  expect_refusal(c.plan(), "identity", ExitCode::operator_decision);
}

TEST(OpeningPlan, TheFirstStartMakesASlot) {
  Case c;
  c.lose_state();
  c.facts.frontier = {};
  c.facts.source.slot = {};
  expect_new_slot(c.plan(), 1, false, false);
}

TEST(OpeningPlan, TheFirstStartLeavesASlotAloneThatItKnowsNothingOf) {
  Case c;
  c.lose_state();
  c.facts.frontier = {};
  expect_refusal(c.plan(), "slot_exists", ExitCode::operator_decision);
}

// What is durable there is of a history that the new slot need not have.
TEST(OpeningPlan, AStateLostBeforeTheFirstCommitOfANewEpochBeginsAgain) {
  Case c;
  c.lose_state();
  c.facts.frontier.newest_epoch = 4;
  const OpeningPlan plan = c.plan();
  expect_new_slot(plan, 5, true);
  EXPECT_TRUE(plan.begins_epoch());
  c.facts.frontier.newest_epoch = 3;
  EXPECT_EQ(c.plan().kind, Kind::resume);
}

TEST(OpeningPlan, ARepairThatWasBegunIsFinished) {
  Case c;
  c.facts.frontier.newest_epoch = 4;
  expect_new_slot(c.plan(), 5, true);
}

TEST(OpeningPlan, AStandbyGetsNoSlot) {
  Case c;
  c.facts.known->slot_phase = Phase::creating;
  c.facts.source.in_recovery = true;
  expect_refusal(c.plan(), "standby", ExitCode::failed);
}

TEST(OpeningPlan, AnUnfinishedStartMakesItsSlotAgain) {
  Case c;
  c.facts.known->slot_phase = Phase::creating;
  c.facts.frontier.tables.clear();
  expect_new_slot(c.plan(), 3, false);
}

TEST(OpeningPlan, AnUnfinishedRepairCopiesEverythingInAnEpochOfItsOwn) {
  Case c;
  c.facts.known->slot_phase = Phase::creating;
  c.facts.known->epoch = 4;
  expect_new_slot(c.plan(), 5, true);
}

TEST(OpeningPlan, ALostStateIsAdoptedFromADestinationThatVouchesForTheSlotsPosition) {
  Case c;
  c.lose_state();
  c.facts.frontier.intent = Lsn{800};
  c.facts.source.slot.confirmed_flush = Lsn{800};
  const OpeningPlan plan = c.plan();
  ASSERT_EQ(plan.kind, Kind::resume);
  EXPECT_TRUE(plan.adopted);
  EXPECT_FALSE(plan.resync_all);
  EXPECT_EQ(plan.record.slot_phase, Phase::ready);
  EXPECT_EQ(plan.record.epoch, 3U);
  EXPECT_EQ(plan.record.ack_intent, Lsn{800});
  EXPECT_EQ(plan.record.checkpoint, c.facts.frontier.checkpoint);
  EXPECT_EQ(plan.record.publication_oid, 77U);
  EXPECT_EQ(plan.record.publication_seen, Lsn{800});
  EXPECT_EQ(plan.frontier.tables[0].state, TableState::live);
  EXPECT_EQ(plan.frontier.tables[1].state, TableState::catching_up);
  c.facts.frontier.tables[1].snapshot->timeline = 1;
  EXPECT_EQ(c.plan().frontier.tables[1].state, TableState::resyncing);
}

TEST(OpeningPlan, ALostStateIsAGapWhereThePublicationIsNotTheOneThatTheDestinationRemembers) {
  Case c;
  c.lose_state();
  CatalogFingerprint memory;
  memory.publication = 76;
  c.facts.frontier.catalog_memory = encode_fingerprint(memory);
  expect_refusal(c.plan(), "gap", ExitCode::operator_decision);
}

TEST(OpeningPlan, ChangedOptionsAreStoredOnlyWhenTheyAreKnown) {
  Case c;
  c.facts.known->options_fingerprint = "before";
  EXPECT_EQ(c.plan().record.options_fingerprint, "before");
  c.facts.ours.options_fingerprint = "now";
  EXPECT_EQ(c.plan().record.options_fingerprint, "now");
}

TEST(OpeningPlan, ALostStateIsAGapWhereTheSlotStandsBeyondWhatTheDestinationKnows) {
  Case c;
  c.lose_state();
  c.facts.source.slot.confirmed_flush = Lsn{711};
  expect_refusal(c.plan(), "gap", ExitCode::operator_decision);
  c.facts.repair_gaps = true;
  const OpeningPlan plan = c.plan();
  expect_new_slot(plan, 4, true);
  EXPECT_FALSE(plan.adopted);
}

TEST(OpeningPlan, ANewSlotBeginsAtItsConsistentPoint) {
  Case c;
  c.facts.known->slot_phase = Phase::creating;
  const OpeningPlan plan = c.plan();
  c.facts.source.timeline = 5;
  const StateRecord record = record_of_new_slot(plan.record, c.facts.source, plan.frontier, Lsn{950});
  EXPECT_EQ(record.slot_phase, Phase::ready);
  EXPECT_EQ(record.ack_intent, Lsn{950});
  EXPECT_EQ(record.publication_seen, Lsn{950});
  EXPECT_EQ(record.timeline, 5U);
  EXPECT_EQ(record.checkpoint, plan.frontier.checkpoint) << "until the destination commits in the new epoch it stands where it stood";
}

}  // namespace
}  // namespace luge
