#pragma once
#include "conformance/destination_fixture.h"

namespace luge::conformance {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(DestinationConformance, a_copy_takes_over_from_the_changes_that_it_has_not_seen) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  // Before, while and after the copy reads: 10 and 12 are in the snapshot, 11 and 20 are not.
  deliver_at(
      100,
      pending(ChunkMaker(schema).row(RowOp::insert, {n(1), s("seen"), kNull}, 100, 0, 10).row(RowOp::insert, {n(2), s("seen"), kNull}, 100, 1, 10),
              1));
  deliver_at(200, pending(ChunkMaker(schema).row(RowOp::update, {n(1), s("unseen"), kAbsent}, 200, 0, 11), 1));
  auto writer = session_->destination().begin_copy(schema, 1);
  ASSERT_TRUE(writer) << writer.error().message();
  ASSERT_TRUE((*writer)->write(ChunkMaker(schema).copied({n(1), s("seen"), s("of the copy")}).take()));
  deliver_at(
      300,
      pending(
          ChunkMaker(schema).row(RowOp::update, {n(2), s("seen too"), kAbsent}, 300, 0, 12).row(RowOp::remove, {n(9), kAbsent, kAbsent}, 300, 1, 12),
          1));
  ASSERT_TRUE((*writer)->write(ChunkMaker(schema).copied({n(2), s("seen too"), s("of the copy")}).copied({n(3), s("old"), kNull}).take()));
  ASSERT_TRUE((*writer)->finish());
  writer->reset();
  deliver_at(
      400,
      pending(ChunkMaker(schema).row(RowOp::remove, {n(3), kAbsent, kAbsent}, 400, 0, 20).row(RowOp::insert, {n(4), s("new"), kNull}, 400, 1, 20),
              1));
  deliver_now(FinishCopy{1, 1, {11, 13, {11}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("1|unseen|of the copy", "2|seen too|of the copy", "4|new|NULL"));
  // Now live; what the snapshot sees never comes any more.
  deliver_at(500, live(ChunkMaker(schema).row(RowOp::update, {n(2), s("live"), kAbsent}, 500, 0, 21)));
  deliver_now(set(schema, TableState::live, 1));
  deliver_at(600, live(ChunkMaker(schema).row(RowOp::update, {n(4), kAbsent, s("live")}, 600, 0, 22)));
  EXPECT_THAT(rows(schema), ElementsAre("1|unseen|of the copy", "2|live|of the copy", "4|new|live"));
}

TEST_P(DestinationConformance, a_truncate_while_the_copy_reads) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  const Route waits{Route::Kind::pending, 1};
  deliver_at(100, truncate(1, 100, 0, 10, waits));
  deliver_at(200, truncate(1, 200, 0, 12, waits), pending(ChunkMaker(schema).row(RowOp::insert, {n(5), s("after"), kNull}, 200, 1, 12), 1));
  copy(schema, 1, chunks_of(ChunkMaker(schema).copied({n(1), s("copied"), kNull})));
  deliver_now(FinishCopy{1, 1, {12, 12, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("5|after|NULL"));
}

TEST_P(DestinationConformance, pending_changes_outlive_a_crash) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  deliver_at(100, pending(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0, 10), 1));
  open();
  deliver_at(200, pending(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0, 11), 1));
  copy(schema, 1, chunks_of(ChunkMaker(schema).copied({n(3), s("c"), kNull})));
  deliver_now(FinishCopy{1, 1, {10, 10, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL", "2|b|NULL", "3|c|NULL"));
  open();
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL", "2|b|NULL", "3|c|NULL"));
}

TEST_P(DestinationConformance, a_second_attempt_replaces_the_first) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  deliver_at(100, pending(ChunkMaker(schema).row(RowOp::insert, {n(1), s("pending of the first"), kNull}, 100, 0, 10), 1));
  copy(schema, 1, chunks_of(ChunkMaker(schema).copied({n(7), s("first"), kNull})));
  deliver_now(set(schema, TableState::waiting, 2));
  deliver_at(200, pending(ChunkMaker(schema).row(RowOp::insert, {n(2), s("pending of the second"), kNull}, 200, 0, 11), 2));
  copy(schema, 2, chunks_of(ChunkMaker(schema).copied({n(8), s("second"), kNull})));
  deliver_now(FinishCopy{1, 2, {11, 11, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("2|pending of the second|NULL", "8|second|NULL"));
}

TEST_P(DestinationConformance, an_abandoned_attempt_leaves_nothing_behind) {
  open();
  const auto schema = users();
  make_table(schema, chunks_of(ChunkMaker(schema).copied({n(1), s("a"), kNull})));
  deliver_now(set(schema, TableState::resyncing, 2));
  {
    auto writer = session_->destination().begin_copy(schema, 2);
    ASSERT_TRUE(writer) << writer.error().message();
    ASSERT_TRUE((*writer)->write(ChunkMaker(schema).copied({n(2), s("half"), kNull}).take()));
  }
  ASSERT_TRUE(session_->destination().drop_copy(1, 2));
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL"));
  {  // and one that a crash ends
    deliver_now(set(schema, TableState::resyncing, 3));
    auto writer = session_->destination().begin_copy(schema, 3);
    ASSERT_TRUE(writer) << writer.error().message();
    ASSERT_TRUE((*writer)->write(ChunkMaker(schema).copied({n(3), s("half"), kNull}).take()));
    writer->reset();
  }
  open();
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL"));
  deliver_now(set(schema, TableState::resyncing, 4));
  copy(schema, 4, chunks_of(ChunkMaker(schema).copied({n(4), s("whole"), kNull})));
  deliver_now(FinishCopy{1, 4, {11, 11, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("4|whole|NULL"));
}

TEST_P(DestinationConformance, the_same_attempt_may_begin_again) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  {
    auto writer = session_->destination().begin_copy(schema, 1);
    ASSERT_TRUE(writer) << writer.error().message();
    ASSERT_TRUE((*writer)->write(ChunkMaker(schema).copied({n(1), s("half"), kNull}).take()));
  }
  open();
  copy(schema, 1, chunks_of(ChunkMaker(schema).copied({n(2), s("whole"), kNull}).copied({n(3), s("whole"), kNull})));
  deliver_now(FinishCopy{1, 1, {11, 11, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("2|whole|NULL", "3|whole|NULL"));
}

TEST_P(DestinationConformance, a_resync_keeps_the_old_rows_until_it_is_finished) {
  open();
  const auto schema = users();
  make_table(schema, chunks_of(ChunkMaker(schema).copied({n(1), s("a"), kNull}).copied({n(2), s("b"), kNull})));
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::update, {n(1), s("aa"), kAbsent}, 100, 0, 10)));
  deliver_now(set(schema, TableState::resyncing, 2));
  deliver_at(200, pending(ChunkMaker(schema).row(RowOp::update, {n(1), s("unseen"), kAbsent}, 200, 0, 20), 2));
  if (GetParam().consistent) {
    EXPECT_THAT(rows(schema), ElementsAre("1|aa|NULL", "2|b|NULL"));
  }
  copy(schema, 2, chunks_of(ChunkMaker(schema).copied({n(1), s("aa"), s("repaired")})));
  deliver_now(FinishCopy{1, 2, {20, 20, {}}, schema, 8});
  EXPECT_THAT(rows(schema), ElementsAre("1|unseen|repaired"));
  deliver_now(set(schema, TableState::live, 2));
  deliver_at(300, live(ChunkMaker(schema).row(RowOp::insert, {n(5), s("e"), kNull}, 300, 0, 21)));
  open();
  EXPECT_THAT(rows(schema), ElementsAre("1|unseen|repaired", "5|e|NULL"));
}

TEST_P(DestinationConformance, a_stopped_table_is_healed_by_a_new_copy) {
  open();
  const auto schema = users();
  make_table(schema, chunks_of(ChunkMaker(schema).copied({n(1), s("a"), kNull})));
  TableRecord stopped = set(schema, TableState::quarantined, 1).record;
  stopped.quarantine = Quarantine{"misfit", "for a reason", "", "", {1, Lsn{50}, 0}, "luge resync public.users"};
  deliver_now(SetTable{stopped});
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("lost"), kNull}, 100, 0, 10)));
  deliver_now(set(schema, TableState::resyncing, 2));
  deliver_at(200, pending(ChunkMaker(schema).row(RowOp::update, {n(2), s("unseen"), kAbsent}, 200, 0, 20), 2));
  copy(schema, 2, chunks_of(ChunkMaker(schema).copied({n(1), s("a"), kNull}).copied({n(2), s("found"), s("again")})));
  deliver_now(FinishCopy{1, 2, {20, 20, {}}, schema, 8});
  deliver_now(set(schema, TableState::live, 2));
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL", "2|unseen|again"));
  const Frontier& again = open();
  ASSERT_EQ(again.tables.size(), 1U);
  EXPECT_EQ(again.tables[0].state, TableState::live);
  EXPECT_FALSE(again.tables[0].quarantine);
}

// Rows that a process sent and that landed, but of which its checkpoint knows nothing, may be in the next process's copy already. Then
// they never come again.
TEST_P(DestinationConformance, rows_of_an_earlier_process_that_the_next_copy_has_seen) {
  open();
  const auto schema = users();
  deliver_now(set(schema, TableState::waiting, 1));
  deliver_at(100, pending(ChunkMaker(schema).row(RowOp::insert, {n(1), s("v0"), kNull}, 100, 0, 10), 1));
  // An open transaction's part lands or not; nobody waits for it.
  deliver(batch_of(100, false, pending(ChunkMaker(schema).row(RowOp::update, {n(1), s("v1"), kNull}, 200, 0, 11), 1)));
  std::this_thread::sleep_for(std::chrono::milliseconds(session_->pipelined() ? 500 : 0));
  open();
  deliver_now(set(schema, TableState::waiting, 2));
  copy(schema, 2, chunks_of(ChunkMaker(schema).copied({n(1), s("v2"), kNull})));  // 12 made it v2
  deliver_now(FinishCopy{1, 2, {13, 13, {}}, schema, 7});
  EXPECT_THAT(rows(schema), ElementsAre("1|v2|NULL"));
  deliver_at(250, RememberCatalog{"transactions 11 and 12 passed; the copy has seen them"});
  EXPECT_THAT(rows(schema), ElementsAre("1|v2|NULL"));
  deliver_now(set(schema, TableState::live, 2));
  const auto insert = [&] {
    ChunkMaker maker(schema);
    for (std::int64_t id = 2; id < 8; ++id) maker.row(RowOp::insert, {n(id), s("later"), kNull}, 300, static_cast<std::uint64_t>(id), 14);
    return batch_of(300, true, live(maker));
  };
  session_->submit(insert());
  const auto outcome = session_->next_outcome();
  if (!outcome) {
    // A channel holds a row that never came again: the destination wants to look at its table first.
    EXPECT_EQ(outcome.error().recovery, Recovery::retry);
    const Status again = session_->reopen(request(fence_));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_LT(session_->opened().checkpoint.commit_lsn, Lsn{300});
    deliver(insert());
  }
  checkpoint_ = 300;
  const auto found = rows(schema);
  EXPECT_EQ(found.size(), 7U);
  EXPECT_EQ(found.front(), "1|v2|NULL");
}

}  // namespace luge::conformance
