#include "pipeline/rule_g.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using Kind = GapVerdict::Kind;

struct Case {
  SessionFacts facts;
  StateRecord state;
  Frontier destination;

  Case() {
    facts.system_identifier = state.system_identifier = 42;
    facts.database_oid = state.database_oid = 5;
    facts.timeline = state.timeline = 2;
    facts.server_lsn = Lsn{1000};
    facts.slot.exists = true;
    facts.slot.confirmed_flush = Lsn{500};
    facts.publication_exists = true;
    facts.publication_oid = state.publication_oid = 77;
    state.slot = "luge_luge";
    state.publication = "luge_luge";
    state.epoch = 3;
    state.ack_intent = Lsn{600};
    state.checkpoint = {3, Lsn{550}, Lsn{560}};
    state.mirror_uuid = destination.mirror_uuid = "m";
    destination.checkpoint = {3, Lsn{700}, Lsn{710}};
  }
  Kind verdict() const { return evaluate_gap(facts, state, destination).kind; }
};

TEST(RuleG, ResumesWhenTheDestinationIsAheadOfTheAcknowledgement) { EXPECT_EQ(Case().verdict(), Kind::resume); }

TEST(RuleG, SlotBeyondTheIntentIsAGap) {
  Case c;
  c.facts.slot.confirmed_flush = Lsn{600};
  EXPECT_EQ(c.verdict(), Kind::resume);
  c.facts.slot.confirmed_flush = Lsn{601};
  EXPECT_EQ(c.verdict(), Kind::gap);
  EXPECT_EQ(to_error(evaluate_gap(c.facts, c.state, c.destination)).exit_code, ExitCode::operator_decision);
}

// An idle position is stored, and luge dies before the destination has its first commit of the epoch.
TEST(RuleG, AStateOfBeforeTheFirstCommitSaysNothingOfTheDestination) {
  Case c;
  c.state.checkpoint = {c.state.epoch, {}, {}};
  for (const Epoch epoch : {Epoch{0}, c.state.epoch - 1}) {
    c.destination.checkpoint = {epoch, {}, {}};
    EXPECT_EQ(c.verdict(), Kind::resume) << epoch;
  }
}

TEST(RuleG, LostSlotsAndPublicationsAreGaps) {
  {
    Case c;
    c.facts.slot.exists = false;
    EXPECT_EQ(c.verdict(), Kind::gap);
  }
  {
    Case c;
    c.facts.slot.wal_status = "lost";
    EXPECT_EQ(c.verdict(), Kind::gap);
  }
  {
    Case c;
    c.facts.slot.invalidation_reason = "rows_removed";
    EXPECT_EQ(c.verdict(), Kind::gap);
  }
  {
    Case c;
    c.facts.publication_exists = false;
    EXPECT_EQ(c.verdict(), Kind::gap);
  }
  {
    Case c;
    c.facts.publication_oid = 78;
    EXPECT_EQ(c.verdict(), Kind::gap);
  }
}

TEST(RuleG, TheGapOfALostPublicationBeginsWhereItWasSeenLast) {
  Case c;
  c.facts.publication_oid = 78;
  EXPECT_EQ(evaluate_gap(c.facts, c.state, c.destination).from, Lsn{600}) << "written by an older luge: not known";
  c.state.publication_seen = Lsn{580};
  EXPECT_EQ(evaluate_gap(c.facts, c.state, c.destination).from, Lsn{580}) << "a server of version 18 lets luge acknowledge beyond the loss";
  c.state.publication_seen = Lsn{620};
  EXPECT_EQ(evaluate_gap(c.facts, c.state, c.destination).from, Lsn{600});
  c.facts.publication_exists = false;
  EXPECT_EQ(evaluate_gap(c.facts, c.state, c.destination).to, Lsn{1000});
}

TEST(RuleG, AGapNamesItsTables) {
  Case c;
  c.facts.slot.exists = false;
  const auto what = [&](std::vector<TableName> tables) { return to_error(evaluate_gap(c.facts, c.state, c.destination), tables).what; };
  EXPECT_EQ(what({}).find("affected"), std::string::npos);
  EXPECT_TRUE(what({{"public", "a"}, {"Shop", "b"}}).ends_with("; affected: public.a, \"Shop\".b"));
  std::vector<TableName> many;
  for (char name = 'a'; name < 'j'; ++name) many.push_back({"public", std::string(1, name)});
  EXPECT_TRUE(what(many).ends_with("; affected: public.a, public.b, public.c, public.d, public.e and 4 more"));
  c.facts.system_identifier = 43;
  EXPECT_EQ(what(many).find("affected"), std::string::npos) << "nothing is known to be missing";
}

TEST(RuleG, OnlyTablesThatGoOnAreInAGap) {
  std::vector<TableRecord> tables;
  for (const TableState state : {TableState::waiting, TableState::copying, TableState::catching_up, TableState::live, TableState::quarantined,
                                 TableState::resyncing, TableState::dropped}) {
    tables.emplace_back().state = state;
    tables.back().name = {"public", std::string(to_string(state))};
  }
  EXPECT_EQ(tables_in_gap(tables), (std::vector<TableName>{{"public", "catching_up"}, {"public", "live"}, {"public", "resyncing"}}));
}

TEST(RuleG, ServerThatEndsBeforeWhatWeHoldWasRestored) {
  Case c;
  c.facts.server_lsn = Lsn{599};
  EXPECT_EQ(c.verdict(), Kind::gap);
  c.facts.server_lsn = Lsn{650};
  EXPECT_EQ(c.verdict(), Kind::gap) << "durable data runs ahead of the intent and its LSNs would be used again";
}

TEST(RuleG, PositionsOfAnOlderEpochAreNotCompared) {
  Case c;
  c.state.epoch = 4;
  c.state.checkpoint = {4, Lsn{10}, Lsn{20}};
  EXPECT_EQ(c.verdict(), Kind::destination) << "what was durable in this epoch is gone";
  c.state.checkpoint = {};
  c.facts.server_lsn = Lsn{650};
  EXPECT_EQ(c.verdict(), Kind::resume);
}

TEST(RuleG, DestinationBehindItsAcknowledgement) {
  Case c;
  c.destination.checkpoint = {3, Lsn{540}, Lsn{545}};
  EXPECT_EQ(c.verdict(), Kind::destination);
  c.destination = {};
  c.destination.mirror_uuid = "other";
  EXPECT_EQ(c.verdict(), Kind::destination);
}

TEST(RuleG, OtherClusterDatabaseOrOldPrimary) {
  {
    Case c;
    c.facts.system_identifier = 43;
    EXPECT_EQ(c.verdict(), Kind::identity);
  }
  {
    Case c;
    c.facts.database_oid = 6;
    EXPECT_EQ(c.verdict(), Kind::identity);
  }
  {
    Case c;
    c.facts.timeline = 1;
    EXPECT_EQ(c.verdict(), Kind::identity);
  }
}

TEST(RuleG, NewTimelineMustDescendAndLeaveAfterWhatWeHold) {
  Case c;
  c.facts.timeline = 3;
  EXPECT_EQ(c.verdict(), Kind::identity);
  c.facts.history = {{2, Lsn{800}}};
  EXPECT_EQ(c.verdict(), Kind::resume);
  c.facts.history = {{2, Lsn{705}}};
  EXPECT_EQ(c.verdict(), Kind::gap);
}

TEST(RuleG, BusySlotAndStandbyAreNotYetAVerdict) {
  Case c;
  c.facts.slot.active = true;
  EXPECT_EQ(c.verdict(), Kind::unavailable);
  c.facts.in_recovery = true;
  EXPECT_EQ(c.verdict(), Kind::unavailable);
  EXPECT_EQ(to_error(evaluate_gap(c.facts, c.state, c.destination)).recovery, Recovery::reconnect);
}

}  // namespace
}  // namespace luge
