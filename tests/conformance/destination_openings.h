#pragma once
#include "conformance/destination_fixture.h"

namespace luge::conformance {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(DestinationConformance, a_first_opening_finds_nothing_and_the_next_one_the_same_mirror) {
  const Frontier first = open();
  EXPECT_FALSE(first.mirror_uuid.empty());
  EXPECT_EQ(first.checkpoint, Checkpoint{});
  EXPECT_TRUE(first.intent.is_zero());
  EXPECT_EQ(first.catalog_memory, "");
  EXPECT_TRUE(first.tables.empty());
  EXPECT_EQ(close_and_open().mirror_uuid, first.mirror_uuid);
  EXPECT_EQ(open().mirror_uuid, first.mirror_uuid) << "after a crash";
}

TEST_P(DestinationConformance, checkpoint_witness_intent_and_catalog_memory_come_back) {
  open();
  const auto schema = users();
  make_table(schema);
  Batch with = batch_of(100, true, RememberCatalog{"the first"}, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  with.checkpoint.witness = {Lsn{100}, {77}};
  deliver(std::move(with));
  Batch after = batch_of(100, true, RememberCatalog{"it's another"});
  after.checkpoint.witness = {Lsn{100}, {77}};
  deliver(std::move(after));
  session_->record_intent({kEpoch, Lsn{101}});
  const Frontier& again = close_and_open();
  EXPECT_EQ(again.checkpoint, (Checkpoint{1, Lsn{100}, Lsn{101}}));
  EXPECT_EQ(again.checkpoint.witness, (Witness{Lsn{100}, {77}}));
  EXPECT_EQ(again.intent, Lsn{101});
  EXPECT_EQ(again.catalog_memory, "it's another");
}

// LSNs of two epochs cannot be compared: whoever lost luge's state would take the larger one for what was acknowledged in this one.
TEST_P(DestinationConformance, an_intent_does_not_outlive_its_epoch) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  session_->record_intent({kEpoch, Lsn{9000}});
  EXPECT_EQ(close_and_open().intent, Lsn{9000});

  const auto in_epoch = [&](Epoch epoch, std::uint64_t lsn, std::string memory) {
    Batch batch = batch_of(lsn, true, RememberCatalog{std::move(memory)});
    batch.checkpoint.epoch = epoch;
    return batch;
  };
  Frontier begun = deliver(in_epoch(kEpoch + 1, 50, "of the second epoch"));
  EXPECT_EQ(begun.checkpoint.epoch, kEpoch + 1);
  EXPECT_TRUE(begun.intent.is_zero());
  const Frontier& second = close_and_open();
  EXPECT_EQ(second.checkpoint, (Checkpoint{kEpoch + 1, Lsn{50}, Lsn{51}}));
  EXPECT_LE(second.intent, Lsn{51}) << "none, or what is durable in this epoch";

  session_->record_intent({kEpoch, Lsn{9500}});  // of an owner that is behind
  session_->record_intent({kEpoch + 1, Lsn{60}});
  EXPECT_EQ(close_and_open().intent, Lsn{60});
  // The third epoch is known to luge before the destination has anything of it.
  session_->record_intent({kEpoch + 2, Lsn{7000}});
  EXPECT_LE(close_and_open().intent, Lsn{60});
  session_->record_intent({kEpoch + 2, Lsn{7000}});
  begun = deliver(in_epoch(kEpoch + 2, 10, "of the third epoch"));
  EXPECT_EQ(begun.checkpoint.epoch, kEpoch + 2);
  EXPECT_EQ(close_and_open().intent, Lsn{7000});
}

TEST_P(DestinationConformance, an_epoch_that_was_begun_is_known_before_its_first_commit) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  EXPECT_EQ(close_and_open().newest_epoch, kEpoch);
  ASSERT_TRUE(session_->begin_epoch(kEpoch + 1).has_value());
  const Frontier& again = close_and_open();
  EXPECT_EQ(again.newest_epoch, kEpoch + 1);
  EXPECT_EQ(again.checkpoint, (Checkpoint{kEpoch, Lsn{100}, Lsn{101}}));
}

TEST_P(DestinationConformance, table_records_come_back_with_every_field) {
  open();
  const auto first = users(1, "copied");
  const auto second = users(2, "stopped");
  const auto third = users(3, "left");
  deliver_now(set(first, TableState::waiting, 3));
  copy(first, 3, {});
  const Snapshot snapshot{100, 120, {105, 110}};
  deliver_now(FinishCopy{1, 3, snapshot, first, 4711});
  make_table(second);
  make_table(third);
  TableRecord stopped = set(second, TableState::quarantined, 1).record;
  stopped.quarantine = Quarantine{"misfit", "it's a \"reason\"", "bio", "text", {1, Lsn{90}, 4}, "luge resync public.stopped"};
  deliver_now(SetTable{stopped}, set(third, TableState::dropped, 1));
  deliver_now(set(users(4, "waits"), TableState::waiting, 2));

  std::map<RelationOid, TableRecord> records;
  for (const TableRecord& record : open().tables) records[record.oid] = record;
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[1].name, first->name);
  EXPECT_EQ(records[1].state, TableState::catching_up);
  EXPECT_EQ(records[1].attempt, 3U);
  EXPECT_EQ(records[1].snapshot, snapshot);
  EXPECT_EQ(records[1].file_node, 4711U);
  ASSERT_NE(records[1].schema, nullptr);
  EXPECT_TRUE(same_shape(*records[1].schema, *first));
  EXPECT_EQ(records[2].state, TableState::quarantined);
  ASSERT_TRUE(records[2].quarantine);
  EXPECT_EQ(records[2].quarantine->code, "misfit");
  EXPECT_EQ(records[2].quarantine->reason, "it's a \"reason\"");
  EXPECT_EQ(records[2].quarantine->column, "bio");
  EXPECT_EQ(records[2].quarantine->type, "text");
  EXPECT_EQ(records[2].quarantine->position, (Position{1, Lsn{90}, 4}));
  EXPECT_EQ(records[2].quarantine->fix, "luge resync public.stopped");
  EXPECT_EQ(records[3].state, TableState::dropped);
  EXPECT_EQ(records[4].state, TableState::waiting);
  EXPECT_EQ(records[4].attempt, 2U);
  EXPECT_EQ(records[4].schema, nullptr);
  EXPECT_EQ(records[4].name, (TableName{"public", "waits"}));
}

TEST_P(DestinationConformance, a_newer_owner_stops_the_older_one) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  const auto insert = [&] { return batch_of(200, true, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0))); };

  std::unique_ptr<DestinationSession> old = std::move(session_);
  auto newer = try_open(++fence_);
  if (GetParam().exclusive) {
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code, "locked");
    old.reset();
    newer = try_open(fence_);
    ASSERT_TRUE(newer) << newer.error().message();
    ASSERT_TRUE((*newer)->close());
    newer->reset();
    auto refused = try_open(fence_ - 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "fenced");
    open();
    deliver(insert());
  } else {
    ASSERT_TRUE(newer) << newer.error().message();
    old->submit(insert());
    const auto outcome = old->next_outcome();
    ASSERT_FALSE(outcome) << "an older owner was told that its rows are durable";
    session_ = std::move(*newer);
    EXPECT_EQ(session_->opened().checkpoint.commit_lsn, Lsn{100});
    deliver(insert());  // the source sends it again, to the new one
    old.reset();
    auto refused = try_open(fence_ - 1);
    if (refused) {
      (*refused)->submit(batch_of(300, true, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 300, 0))));
      EXPECT_FALSE((*refused)->next_outcome());
      refused->reset();
      open();
      EXPECT_EQ(session_->opened().checkpoint.commit_lsn, Lsn{200});
      deliver_at(300, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 300, 0)));
      EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL", "2|b|NULL", "3|c|NULL"));
      expect_logged(schema, 3);
      return;
    }
    EXPECT_EQ(refused.error().code, "fenced");
  }
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL", "2|b|NULL"));
  expect_logged(schema, 2);
}

TEST_P(DestinationConformance, a_barrier_gives_a_reader_of_exactly_what_was_before_it) {
  open();
  const auto schema = users();
  make_table(schema);
  session_->submit(batch_of(100, true, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0))));
  session_->submit(batch_of(200, true, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0)), Barrier{42}));
  session_->submit(batch_of(
      300, true, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 300, 0).row(RowOp::update, {n(1), s("later"), kAbsent}, 300, 1))));
  std::vector<Frontier::ReadyBarrier> barriers;
  for (int i = 0; i < 3; ++i) {
    auto outcome = session_->next_outcome();
    ASSERT_TRUE(outcome) << outcome.error().message();
    if (i == 1) {
      barriers = outcome->barriers;
    } else {
      EXPECT_TRUE(outcome->barriers.empty());
    }
  }
  checkpoint_ = 300;
  ASSERT_EQ(barriers.size(), 1U);
  EXPECT_EQ(barriers[0].id, 42U);
  if (GetParam().consistent) {
    EXPECT_THAT(rows(*barriers[0].reader, schema), ElementsAre("1|a|NULL", "2|b|NULL"));
  }
  barriers.clear();
  EXPECT_THAT(rows(schema), ElementsAre("1|later|NULL", "2|b|NULL", "3|c|NULL"));
}

TEST_P(DestinationConformance, a_reader_refuses_to_write) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  auto reader = barrier();
  const std::string table = GetParam().table(place_, schema->name);
  const auto nothing = [](const auto&) {};
  for (const std::string& sql : {"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM " + table, "DROP TABLE " + table, std::string()}) {
    EXPECT_FALSE(reader->query(sql, nothing, nothing)) << sql;
    reader.reset();
    reader = barrier();
  }
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL"));
}

}  // namespace luge::conformance
