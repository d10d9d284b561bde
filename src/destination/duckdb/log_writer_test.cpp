#include "destination/duckdb/log_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;

class LogTest : public MirrorTest {
 protected:
  LogTest() { request_.log_mode = true; }
  static TableSchemaPtr table() {
    return shape(1, {"public", "t"}, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text), column("big", 3, ValueKind::text)}, {0});
  }
  std::vector<std::string> log() {
    return query(
        "SELECT id, v, big, _luge_op, _luge_epoch, _luge_lsn, _luge_ordinal, _luge_xid, _luge_present FROM public.t__log ORDER BY _luge_lsn, "
        "_luge_ordinal, _luge_op");
  }
};

TEST_F(LogTest, one_row_per_change) {
  open();
  const auto schema = table();
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("one"), s("b")}).copied({n(2), s("two"), kNull}).take());
  make_table(schema, std::move(copied));
  apply_ops(100,
            live(ChunkMaker(schema)
                     .row(RowOp::insert, {n(3), s("three"), kNull}, 100, 0, 7)
                     .row(RowOp::update, {n(1), s("uno"), kAbsent}, 100, 1, 7)
                     .row(RowOp::old_image, {n(2), kAbsent, kAbsent}, 100, 2, 7)
                     .row(RowOp::update, {n(20), s("two"), kAbsent}, 100, 2, 7)
                     .row(RowOp::remove, {n(3), kAbsent, kAbsent}, 100, 3, 7)
                     .row(RowOp::old_image, {n(1), s("uno"), s("from the old image")}, 100, 5, 7)
                     .row(RowOp::update, {n(1), s("eins"), kAbsent}, 100, 5, 7)
                     .take()),
            Truncate{1, {}, {1, Lsn{200}, 0}, 8, {}});
  EXPECT_THAT(log(),
              ElementsAre("1|one|b|i|1|0|0|0|NULL", "2|two|NULL|i|1|0|1|0|NULL",  //
                          "3|three|NULL|i|1|100|0|7|NULL", "1|uno|NULL|u|1|100|1|7|110", "2|NULL|NULL|d|1|100|2|7|100", "20|two|NULL|u|1|100|2|7|110",
                          "3|NULL|NULL|d|1|100|3|7|100", "1|eins|from the old image|u|1|100|5|7|NULL", "NULL|NULL|NULL|t|1|200|0|8|000"));
  EXPECT_THAT(query("SELECT _luge_commit_time FROM public.t__log WHERE _luge_op = 't'"), ElementsAre("2000-01-01 00:00:00+00"));
}

TEST_F(LogTest, changes_kept_during_a_copy_and_dropped_columns_stay_in_the_log) {
  open();
  const auto schema = table();
  apply_ops(0, set(schema, TableState::waiting, 1));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("one"), kNull}).take());
  copy(schema, 1, std::move(copied));
  apply_ops(
      100,
      pending(ChunkMaker(schema).row(RowOp::insert, {n(1), s("one"), kNull}, 90, 0, 5).row(RowOp::insert, {n(2), s("two"), kNull}, 100, 0, 50).take(),
              1));
  apply_ops(100, FinishCopy{1, 1, {10, 10, {}}, schema, 0});
  apply_ops(100, set(schema, TableState::live, 1));
  const auto fewer =
      shape(1, {"public", "t"}, {column("id", 1, ValueKind::int64), column("w", 2, ValueKind::text), column("v", 4, ValueKind::int64)}, {0});
  apply_ops(200, live(ChunkMaker(fewer).row(RowOp::insert, {n(3), s("w"), n(4)}, 200, 0, 60).take()));
  EXPECT_THAT(query("SELECT id, w, v, big__dropped_3, _luge_op, _luge_lsn FROM public.t__log ORDER BY id"),
              ElementsAre("1|one|NULL|NULL|i|0", "2|two|NULL|NULL|i|100", "3|w|4|NULL|i|200"));
}

// What a resync, a gap or a rewrite of the table leads to: the history stays, and reading it on gives what the copy saw.
TEST_F(LogTest, a_later_copy_goes_on_behind_the_history) {
  open();
  const auto schema = table();
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("first"), kNull}).take());
  make_table(schema, std::move(copied));
  apply_ops(
      100, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("a"), kNull}, 100, 0, 5).row(RowOp::update, {n(1), s("b"), kNull}, 100, 1, 5).take()));
  apply_ops(100, set(schema, TableState::resyncing, 2));
  std::vector<TableChunk> again;
  again.push_back(ChunkMaker(schema).copied({n(1), s("b"), kNull}).copied({n(7), s("repaired"), kNull}).take());
  copy(schema, 2, std::move(again));
  // xid 10 is in the snapshot, 20 is not.
  apply_ops(200, pending(ChunkMaker(schema)
                             .row(RowOp::insert, {n(7), s("repaired"), kNull}, 150, 0, 10)
                             .row(RowOp::remove, {n(1), kAbsent, kAbsent}, 200, 0, 20)
                             .take(),
                         2));
  apply_ops(200, FinishCopy{1, 2, {15, 15, {}}, schema, 9});
  apply_ops(200, set(schema, TableState::live, 2));
  apply_ops(300, live(ChunkMaker(schema).row(RowOp::insert, {n(8), s("after"), kNull}, 300, 0, 30).take()));
  const auto history =
      ElementsAre("1|first|NULL|i|1|0|0|0|NULL", "2|a|NULL|i|1|100|0|5|NULL", "1|b|NULL|u|1|100|1|5|NULL", "NULL|NULL|NULL|t|1|100|2|0|000",
                  "1|b|NULL|i|1|100|3|0|NULL", "7|repaired|NULL|i|1|100|4|0|NULL", "1|NULL|NULL|d|1|200|0|20|100", "8|after|NULL|i|1|300|0|30|NULL");
  EXPECT_THAT(log(), history);
  EXPECT_THAT(query("SELECT count(*) FROM public.t__log WHERE _luge_op = 't' AND _luge_commit_time IS NULL"), ElementsAre("1"));
  EXPECT_THAT(query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%copy%'"), ElementsAre());
  reopen();
  EXPECT_THAT(log(), history);
}

TEST_F(LogTest, copies_without_a_change_between_them_and_in_the_next_epoch) {
  open();
  const auto schema = table();
  make_table(schema);
  apply_ops(500, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 500, 0, 5).take()));
  const auto again = [&](Attempt attempt, Epoch epoch, std::uint64_t lsn) {
    const auto at = [&](BatchOp op) {
      Batch b = batch(lsn);
      b.checkpoint.epoch = epoch;
      b.ops.push_back(std::move(op));
      apply(std::move(b));
    };
    at(set(schema, TableState::resyncing, attempt));
    std::vector<TableChunk> copied;
    copied.push_back(ChunkMaker(schema).copied({n(1), s("of copy " + std::to_string(attempt)), kNull}).take());
    copy(schema, attempt, std::move(copied));
    at(FinishCopy{1, attempt, {15, 15, {}}, schema, 9});
  };
  again(2, 1, 500);
  again(3, 1, 500);
  again(4, 2, 40);  // the source was restored, and its positions begin anew
  again(5, 2, 40);
  EXPECT_THAT(query("SELECT _luge_epoch, _luge_lsn, _luge_ordinal, _luge_op, v FROM public.t__log ORDER BY 1, 2, 3"),
              ElementsAre("1|500|0|i|a", "1|500|1|t|NULL", "1|500|2|i|of copy 2", "1|500|3|t|NULL", "1|500|4|i|of copy 3", "2|0|0|t|NULL",
                          "2|0|1|i|of copy 4", "2|0|2|t|NULL", "2|0|3|i|of copy 5"));
}

TEST_F(LogTest, a_later_copy_of_another_shape_and_name) {
  open();
  const auto first = shape(1, {"public", "t"},
                           {column("id", 1, ValueKind::int64), column("gone", 2, ValueKind::text), column("old", 3, ValueKind::int32),
                            column("kind", 4, ValueKind::text), column("wide", 5, ValueKind::int32)},
                           {0});
  make_table(first);
  apply_ops(100, live(ChunkMaker(first).row(RowOp::insert, {n(1), s("g"), n(3), s("k"), n(5)}, 100, 0, 5).take()));
  auto fresh = column("gone", 6, ValueKind::text);  // a new column takes the name of a dropped one
  const auto second = shape(1, {"other", "u"},
                            {column("id", 1, ValueKind::int64), column("new", 3, ValueKind::int32), column("kind", 4, ValueKind::date),
                             column("wide", 5, ValueKind::int64), fresh},
                            {0});
  apply_ops(100, set(first, TableState::resyncing, 2));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(second).copied({n(1), n(3), n(1), n(5), s("fresh")}).take());
  copy(second, 2, std::move(copied));
  Frontier frontier = apply_ops(100, FinishCopy{1, 2, {15, 15, {}}, second, 9});
  EXPECT_THAT(query("SELECT _luge_op, id, gone__dropped_2, \"new\", kind__retyped_2, kind, wide, gone, _luge_present FROM other.u__log "
                    "ORDER BY _luge_lsn, _luge_ordinal"),
              ElementsAre("i|1|g|3|k|NULL|5|NULL|NULL", "t|NULL|NULL|NULL|NULL|NULL|NULL|NULL|000000", "i|1|NULL|3|NULL|1970-01-02|5|fresh|NULL"));
  // Back to a text: a third column, beside the two with older values.
  const auto third = shape(1, {"other", "u"}, {column("id", 1, ValueKind::int64), column("kind", 4, ValueKind::boolean)}, {0});
  apply_ops(100, set(second, TableState::resyncing, 3));
  copied.clear();
  copied.push_back(ChunkMaker(third).copied({n(1), n(1)}).take());
  copy(third, 3, std::move(copied));
  apply_ops(100, FinishCopy{1, 3, {15, 15, {}}, third, 9});
  EXPECT_THAT(query("SELECT kind__retyped_2, kind__retyped_3, kind, gone__dropped_6 FROM other.u__log ORDER BY _luge_lsn, _luge_ordinal"),
              ElementsAre("k|NULL|NULL|NULL", "NULL|NULL|NULL|NULL", "NULL|1970-01-02|NULL|fresh", "NULL|NULL|NULL|NULL", "NULL|NULL|true|NULL"));
  // Rows go on in the newest shape.
  apply_ops(100, set(third, TableState::live, 3));
  frontier = apply_ops(200, live(ChunkMaker(third).row(RowOp::update, {n(1), n(0)}, 200, 0, 30).take()));
  EXPECT_TRUE(frontier.tables.empty());
  EXPECT_THAT(query("SELECT _luge_op, kind FROM other.u__log WHERE _luge_lsn = 200"), ElementsAre("u|false"));
}

TEST_F(LogTest, a_copy_that_has_no_place_leaves_the_history) {
  open();
  const auto schema = table();
  make_table(schema);
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0, 5).take()));
  destination_.reset();
  change_file("CREATE TABLE public.taken__log (a INT)");
  open();
  apply_ops(100, set(schema, TableState::resyncing, 2));
  const auto renamed = shape(1, {"public", "taken"}, schema->columns, {0});
  copy(renamed, 2, {});
  Frontier frontier = apply_ops(100, FinishCopy{1, 2, {15, 15, {}}, renamed, 9});
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "name_taken");
  EXPECT_THAT(query("SELECT _luge_op, id FROM public.t__log ORDER BY _luge_lsn, _luge_ordinal"), ElementsAre("i|1", "t|NULL"));
  reopen();
  apply_ops(100, set(schema, TableState::resyncing, 3));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(2), s("healed"), kNull}).take());
  copy(schema, 3, std::move(copied));
  frontier = apply_ops(100, FinishCopy{1, 3, {15, 15, {}}, schema, 9});
  EXPECT_TRUE(frontier.tables.empty());
  EXPECT_THAT(query("SELECT _luge_op, id FROM public.t__log ORDER BY _luge_lsn, _luge_ordinal"), ElementsAre("i|1", "t|NULL", "t|NULL", "i|2"));
}

TEST_F(LogTest, a_log_that_somebody_removed_begins_anew) {
  open();
  const auto schema = table();
  make_table(schema);
  TableRecord stopped = set(schema, TableState::quarantined, 1).record;
  stopped.quarantine = Quarantine{"misfit", "for a reason", "", "", {1, Lsn{50}, 0}, "luge resync public.t"};
  apply_ops(0, SetTable{stopped});
  destination_.reset();
  change_file("DROP TABLE public.t__log");
  const Frontier again = open();
  ASSERT_EQ(again.tables.size(), 1U);
  EXPECT_EQ(again.tables[0].quarantine->code, "misfit");
  apply_ops(0, set(schema, TableState::resyncing, 2));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("a"), kNull}).take());
  copy(schema, 2, std::move(copied));
  apply_ops(0, FinishCopy{1, 2, {15, 15, {}}, schema, 9});
  EXPECT_THAT(log(), ElementsAre("1|a|NULL|i|1|0|0|0|NULL"));
}

TEST_F(LogTest, a_later_copy_that_ended_inside_an_open_transaction) {
  open();
  const auto schema = table();
  const auto other = shape(2, {"public", "o"}, {column("id", 1, ValueKind::int64)}, {0});
  make_table(schema);
  make_table(other);
  apply_ops(50, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 50, 0, 5).take()));
  apply_ops(50, set(schema, TableState::resyncing, 2));
  Batch part = batch(50, false);
  part.ops.emplace_back(live(ChunkMaker(other).row(RowOp::insert, {n(1)}, 100, 0, 30).take()));
  part.ops.emplace_back(pending(ChunkMaker(schema).row(RowOp::insert, {n(4), s("four"), kNull}, 100, 1, 30).take(), 2));
  apply(std::move(part));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(3), s("three"), kNull}).take());
  copy(schema, 2, std::move(copied));
  apply_ops(100, FinishCopy{1, 2, {20, 20, {}}, schema, 0});
  EXPECT_THAT(query("SELECT _luge_op, id, _luge_lsn FROM public.t__log ORDER BY _luge_lsn, _luge_ordinal"),
              ElementsAre("i|1|50", "t|NULL|50", "i|3|50", "i|4|100"));
  EXPECT_THAT(query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%copy%'"), ElementsAre());
}

// A reader that knows PostgreSQL's column numbers is never misled by columns that come and go.
TEST_F(LogTest, presence_is_told_by_column_number) {
  open();
  const auto three = table();
  make_table(three);
  apply_ops(100,
            live(ChunkMaker(three).row(RowOp::insert, {n(1), s("v"), s("b")}, 100, 0).row(RowOp::update, {n(1), s("w"), kAbsent}, 100, 1).take()));
  const auto two = shape(1, {"public", "t"}, {column("id", 1, ValueKind::int64), column("big", 3, ValueKind::text)}, {0});
  apply_ops(200, live(ChunkMaker(two)
                          .row(RowOp::update, {n(1), kAbsent}, 200, 0)
                          .row(RowOp::update, {n(1), s("c")}, 200, 1)
                          .row(RowOp::remove, {n(1), kAbsent}, 200, 2)
                          .take()));
  EXPECT_THAT(query("SELECT _luge_op, _luge_present FROM public.t__log ORDER BY _luge_lsn, _luge_ordinal"),
              ElementsAre("i|NULL", "u|110", "u|100", "u|NULL", "d|100"));
}

TEST_F(LogTest, a_column_named_like_one_of_luge_stops_the_table) {
  open();
  auto refused = destination_->begin_copy(shape(1, {"public", "t"}, {column("_LUGE_op", 1, ValueKind::int64)}, {0}), 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "names_fold");
}

}  // namespace
}  // namespace luge::mirror_test
