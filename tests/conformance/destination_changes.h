#pragma once
#include "conformance/destination_fixture.h"

namespace luge::conformance {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(DestinationConformance, changes_follow_a_copy_and_absent_values_stay) {
  open();
  const auto schema = users();
  make_table(schema, chunks_of(ChunkMaker(schema).copied({n(1), s("ann"), kNull}).copied({n(2), s("bob"), s("the biography of bob")})));
  EXPECT_THAT(rows(schema), ElementsAre("1|ann|NULL", "2|bob|the biography of bob"));
  const Frontier frontier = deliver_at(
      100, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("cem"), s("x")}, 100, 0).row(RowOp::update, {n(2), s("bobby"), kAbsent}, 100, 1)));
  EXPECT_EQ(frontier.checkpoint, (Checkpoint{1, Lsn{100}, Lsn{101}}));
  EXPECT_TRUE(frontier.tables.empty());
  EXPECT_EQ(frontier.rows_applied, 2U);
  deliver_at(200, live(ChunkMaker(schema)
                           .row(RowOp::update, {n(3), kAbsent, kNull}, 200, 0)
                           .row(RowOp::remove, {n(1), kAbsent, kAbsent}, 200, 1)
                           .row(RowOp::update, {n(2), s("rob"), kAbsent}, 200, 2)));
  deliver_at(300, live(ChunkMaker(schema).row(RowOp::update, {n(2), kNull, kAbsent}, 300, 0)));
  EXPECT_THAT(rows(schema), ElementsAre("2|NULL|the biography of bob", "3|cem|NULL"));
  deliver_at(400, live(ChunkMaker(schema)
                           .row(RowOp::remove, {n(3), kAbsent, kAbsent}, 400, 0)
                           .row(RowOp::insert, {n(3), s("new"), s("b")}, 400, 1)
                           .row(RowOp::update, {n(3), s("newer"), kAbsent}, 400, 2)
                           .row(RowOp::insert, {n(5), s("gone"), kNull}, 400, 3)
                           .row(RowOp::remove, {n(5), kAbsent, kAbsent}, 400, 4)));
  EXPECT_THAT(rows(schema), ElementsAre("2|NULL|the biography of bob", "3|newer|b"));
  expect_logged(schema, 11, 2);
}

TEST_P(DestinationConformance, keys_change_and_swap) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema)
                           .row(RowOp::insert, {n(1), s("one"), s("bio 1, long enough to be toasted")}, 100, 0)
                           .row(RowOp::insert, {n(2), s("two"), s("bio 2, long enough to be toasted")}, 100, 1)));
  EXPECT_EQ(rows(schema).size(), 2U);
  // 1 -> 9, 2 -> 1, 9 -> 2: a swap over a temporary value, with values that never travel.
  deliver_at(200, live(ChunkMaker(schema)
                           .row(RowOp::old_image, {n(1), kAbsent, kAbsent}, 200, 0)
                           .row(RowOp::update, {n(9), s("one"), kAbsent}, 200, 0)
                           .row(RowOp::old_image, {n(2), kAbsent, kAbsent}, 200, 1)
                           .row(RowOp::update, {n(1), s("two"), kAbsent}, 200, 1)
                           .row(RowOp::old_image, {n(9), kAbsent, kAbsent}, 200, 2)
                           .row(RowOp::update, {n(2), kAbsent, kAbsent}, 200, 2)));
  EXPECT_THAT(rows(schema), ElementsAre("1|two|bio 2, long enough to be toasted", "2|one|bio 1, long enough to be toasted"));
  // A change of the key in the same batch as the row's birth, and with all values.
  deliver_at(400, live(ChunkMaker(schema)
                           .row(RowOp::insert, {n(3), s("three"), s("bio 3")}, 300, 0)
                           .row(RowOp::old_image, {n(3), kAbsent, kAbsent}, 400, 0)
                           .row(RowOp::update, {n(4), kAbsent, kAbsent}, 400, 0)
                           .row(RowOp::old_image, {n(1), kAbsent, kAbsent}, 400, 1)
                           .row(RowOp::update, {n(7), s("seven"), s("all of it")}, 400, 1)
                           .row(RowOp::insert, {n(1), s("again"), kNull}, 400, 2)));
  EXPECT_THAT(rows(schema), ElementsAre("1|again|NULL", "2|one|bio 1, long enough to be toasted", "4|three|bio 3", "7|seven|all of it"));
  expect_logged(schema, 9);
}

TEST_P(DestinationConformance, truncate_in_the_middle_of_a_transaction) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)));
  deliver_at(200, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0)), truncate(1, 200, 1),
             live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("c"), kNull}, 200, 2).row(RowOp::insert, {n(3), s("d"), kNull}, 200, 3)));
  EXPECT_THAT(rows(schema), ElementsAre("2|c|NULL", "3|d|NULL"));
  deliver_at(300, live(ChunkMaker(schema).row(RowOp::update, {n(2), s("cc"), kAbsent}, 300, 0)), truncate(1, 300, 1), truncate(1, 300, 2));
  EXPECT_THAT(rows(schema), IsEmpty());
  expect_logged(schema, 8);
}

TEST_P(DestinationConformance, several_transactions_in_a_batch) {
  open();
  const auto schema = users();
  const auto other = users(2, "others");
  make_table(schema);
  make_table(other);
  ChunkMaker first(schema);
  ChunkMaker second(other);
  for (std::uint64_t i = 1; i <= 50; ++i) {
    first.row(RowOp::insert, {n(static_cast<std::int64_t>(i)), s("a"), kNull}, 100 * i, 0, i);
    if (i > 1) first.row(RowOp::update, {n(static_cast<std::int64_t>(i) - 1), s("b"), kAbsent}, 100 * i, 1, i);
    second.row(RowOp::insert, {n(static_cast<std::int64_t>(i)), s("o"), s("p")}, 100 * i, 2, i);
  }
  EXPECT_EQ(deliver_at(5000, live(first), live(second)).checkpoint.commit_lsn, Lsn{5000});
  const auto found = rows(schema);
  EXPECT_EQ(found.size(), 50U);
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const std::string& row) { return row.find("|b|") != std::string::npos; }), 49);
  EXPECT_EQ(rows(other).size(), 50U);
  expect_logged(schema, 99);
  expect_logged(other, 50);
}

TEST_P(DestinationConformance, a_transaction_over_several_batches_is_one) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), s("kept")}, 100, 0)));
  session_->submit(batch_of(100, false, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0))));
  session_->submit(
      batch_of(100, false,
               live(ChunkMaker(schema).row(RowOp::update, {n(2), s("bb"), kAbsent}, 200, 1).row(RowOp::update, {n(1), s("aa"), kAbsent}, 200, 2))));
  for (int part = 0; part < 2; ++part) {
    const auto outcome = session_->next_outcome();
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(outcome->checkpoint.commit_lsn, Lsn{100}) << "nothing of an open transaction is durable";
  }
  if (GetParam().consistent) {
    auto reader = session_->destination().read();
    ASSERT_TRUE(reader) << reader.error().message();
    EXPECT_THAT(rows(**reader, schema), testing::Each(testing::StartsWith("1|a|")));
  }
  deliver_at(200, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 200, 3)));
  EXPECT_THAT(rows(schema), ElementsAre("1|aa|kept", "2|bb|NULL", "3|c|NULL"));
  expect_logged(schema, 5);
}

TEST_P(DestinationConformance, a_transaction_that_broke_off_comes_again_cut_otherwise) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), s("kept")}, 100, 0)));
  const auto row = [&](ChunkMaker& maker, std::uint64_t ordinal) {
    maker.row(RowOp::insert, {n(static_cast<std::int64_t>(ordinal) + 10), s("t" + std::to_string(ordinal)), kNull}, 200, ordinal);
  };
  const auto rows_of = [&](std::uint64_t from, std::uint64_t to) {
    ChunkMaker maker(schema);
    for (std::uint64_t ordinal = from; ordinal < to; ++ordinal) row(maker, ordinal);
    return live(maker);
  };
  for (int breaks = 0; breaks < 2; ++breaks) {
    deliver(batch_of(100, false, rows_of(0, 3)));
    deliver(batch_of(100, false, rows_of(3, 5)));
    deliver_now(AbortOpenTransaction{});
    if (GetParam().consistent) {
      EXPECT_THAT(rows(schema), ElementsAre("1|a|kept"));
    }
    deliver(batch_of(100, false, rows_of(0, 4)));  // its rows lie on both sides of what was sent before
    deliver_now(AbortOpenTransaction{});
  }
  deliver(batch_of(100, false, rows_of(0, 2)));
  deliver_at(200, rows_of(2, 8));
  const auto found = rows(schema);
  EXPECT_EQ(found.size(), 9U);
  EXPECT_EQ(found.front(), "10|t0|NULL");
  EXPECT_EQ(found[7], "17|t7|NULL");
  expect_logged(schema, 9);
  // And after a crash.
  deliver(
      batch_of(200, false,
               live(ChunkMaker(schema).row(RowOp::remove, {n(10), kAbsent, kAbsent}, 300, 0).row(RowOp::remove, {n(11), kAbsent, kAbsent}, 300, 1))));
  EXPECT_EQ(open().checkpoint.commit_lsn, Lsn{200});
  deliver_at(300, live(ChunkMaker(schema)
                           .row(RowOp::remove, {n(10), kAbsent, kAbsent}, 300, 0)
                           .row(RowOp::remove, {n(11), kAbsent, kAbsent}, 300, 1)
                           .row(RowOp::remove, {n(12), kAbsent, kAbsent}, 300, 2)));
  EXPECT_EQ(rows(schema).size(), 6U);
  expect_logged(schema, 12);
}

TEST_P(DestinationConformance, what_comes_again_changes_nothing) {
  open();
  const auto schema = users();
  make_table(schema);
  const auto again = [&] {
    return batch_of(300, true,
                    live(ChunkMaker(schema)
                             .row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)
                             .row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0)
                             .row(RowOp::update, {n(1), s("c"), kAbsent}, 200, 1)),
                    truncate(1, 300, 0), live(ChunkMaker(schema).row(RowOp::insert, {n(7), s("z"), kNull}, 300, 1)));
  };
  deliver(again());
  deliver(again());
  EXPECT_EQ(close_and_open().checkpoint.commit_lsn, Lsn{300});
  deliver(again());
  EXPECT_THAT(rows(schema), ElementsAre("7|z|NULL"));
  expect_logged(schema, 5);
}

TEST_P(DestinationConformance, a_table_without_a_key_is_a_multiset) {
  open();
  const auto schema = shape(1, {"public", "events"}, {column("a", 1, ValueKind::int64), column("b", 2, ValueKind::text)}, {});
  make_table(schema, chunks_of(ChunkMaker(schema).copied({n(1), s("x")}).copied({n(1), s("x")}).copied({kNull, kNull})));
  EXPECT_THAT(rows(schema), ElementsAre("1|x", "1|x", "NULL|NULL"));
  deliver_at(100, live(ChunkMaker(schema)
                           .row(RowOp::insert, {n(1), s("x")}, 100, 0)
                           .row(RowOp::insert, {kNull, kNull}, 100, 1)
                           .row(RowOp::insert, {n(5), s("y")}, 100, 2)));
  deliver_at(200, live(ChunkMaker(schema)
                           .row(RowOp::remove, {n(1), s("x")}, 200, 0)
                           .row(RowOp::remove, {kNull, kNull}, 200, 1)
                           .row(RowOp::old_image, {n(1), s("x")}, 200, 2)
                           .row(RowOp::update, {n(2), s("x")}, 200, 2)
                           .row(RowOp::insert, {n(6), s("z")}, 200, 3)
                           .row(RowOp::remove, {n(6), s("z")}, 200, 4)));
  EXPECT_THAT(rows(schema), ElementsAre("1|x", "2|x", "5|y", "NULL|NULL"));
  expect_logged(schema, 8, 3);
}

TEST_P(DestinationConformance, a_stopped_table_takes_no_rows_and_the_others_go_on) {
  open();
  const auto schema = users();
  const auto other = users(2, "others");
  make_table(schema);
  make_table(other);
  deliver_at(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0)),
             live(ChunkMaker(other).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 1)));
  EXPECT_EQ(rows(schema).size(), 1U);  // what is not folded into current state by now may never be
  TableRecord stopped = set(schema, TableState::quarantined, 1).record;
  stopped.quarantine = Quarantine{"misfit", "for a reason", "bio", "text", {1, Lsn{150}, 0}, "luge resync public.users"};
  deliver_now(SetTable{stopped});
  deliver_at(200, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0)), truncate(1, 200, 1),
             live(ChunkMaker(other).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 2)));
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL"));
  EXPECT_THAT(rows(other), ElementsAre("1|a|NULL", "2|b|NULL"));
  open();
  deliver_at(300, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 300, 0)));
  EXPECT_THAT(rows(schema), ElementsAre("1|a|NULL"));
}

}  // namespace luge::conformance
