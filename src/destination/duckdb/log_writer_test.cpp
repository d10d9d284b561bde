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

TEST_F(LogTest, a_column_named_like_one_of_luge_stops_the_table) {
  open();
  auto refused = destination_->begin_copy(shape(1, {"public", "t"}, {column("_LUGE_op", 1, ValueKind::int64)}, {0}), 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "names_fold");
}

}  // namespace
}  // namespace luge::mirror_test
