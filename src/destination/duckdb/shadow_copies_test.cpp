#include "destination/duckdb/shadow_copies.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ShadowCopiesTest = MirrorTest;

TableSchemaPtr users(RelationOid oid = 1, const std::string& name = "users") {
  return shape(oid, {"public", name}, {column("id", 1, ValueKind::int64), column("name", 2, ValueKind::text), column("bio", 3, ValueKind::text)},
               {0});
}

constexpr const char* kUsers = "SELECT id, name, bio FROM public.users ORDER BY id, name, bio";

TEST_F(ShadowCopiesTest, a_resync_keeps_the_old_rows_readable_until_the_swap) {
  open();
  const auto schema = users();
  make_table(schema);
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("old"), kNull}, 100, 0).take()));
  apply_ops(100, set(schema, TableState::resyncing, 2));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(7), s("seven"), kNull}).copied({n(8), s("eight"), s("long enough to be kept out of line")}).take());
  copy(schema, 2, std::move(copied));
  // xid 10 is in the snapshot, 20 is not.
  apply_ops(200, pending(ChunkMaker(schema)
                             .row(RowOp::insert, {n(7), s("seven"), kNull}, 150, 0, 10)
                             .row(RowOp::update, {n(8), s("EIGHT"), kAbsent}, 200, 0, 20)
                             .row(RowOp::insert, {n(9), s("nine"), kNull}, 200, 1, 20)
                             .take(),
                         2));
  EXPECT_THAT(query(kUsers), ElementsAre("1|old|NULL"));
  const Snapshot snapshot{15, 15, {}};
  auto before = destination_->read();
  ASSERT_TRUE(before.has_value());
  apply_ops(200, FinishCopy{1, 2, snapshot, schema, 9});
  EXPECT_THAT(query(**before, kUsers), ElementsAre("1|old|NULL"));
  before->reset();
  EXPECT_THAT(query(kUsers), ElementsAre("7|seven|NULL", "8|EIGHT|long enough to be kept out of line", "9|nine|NULL"));
  EXPECT_THAT(query("SELECT count(*) FROM _luge.pending"), ElementsAre("0"));
  reopen();
  const Frontier frontier = open();
  EXPECT_EQ(frontier.tables[0].state, TableState::catching_up);
  EXPECT_EQ(frontier.tables[0].attempt, 2U);
  EXPECT_EQ(frontier.tables[0].snapshot, snapshot);
  EXPECT_EQ(frontier.tables[0].file_node, 9U);
  EXPECT_THAT(query(kUsers), ElementsAre("7|seven|NULL", "8|EIGHT|long enough to be kept out of line", "9|nine|NULL"));
}

TEST_F(ShadowCopiesTest, a_copy_that_ended_inside_an_open_transaction_is_carried_over) {
  open();
  const auto schema = users();
  const auto other = users(2, "others");
  make_table(other);
  apply_ops(0, set(schema, TableState::waiting, 1));
  Batch part = batch(0, false);
  part.ops.emplace_back(live(ChunkMaker(other).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0, 30).take()));
  part.ops.emplace_back(pending(ChunkMaker(schema).row(RowOp::insert, {n(4), s("four"), kNull}, 100, 1, 30).take(), 1));
  apply(std::move(part));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(3), s("three"), kNull}).take());
  copy(schema, 1, std::move(copied));
  apply_ops(100, FinishCopy{1, 1, {20, 20, {}}, schema, 0});
  EXPECT_THAT(query(kUsers), ElementsAre("3|three|NULL", "4|four|NULL"));
  EXPECT_THAT(query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%copy%'"), IsEmpty());
}

TEST_F(ShadowCopiesTest, a_truncate_that_the_copy_does_not_see_empties_it) {
  open();
  const auto schema = users();
  apply_ops(0, set(schema, TableState::waiting, 1));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("one"), kNull}).take());
  copy(schema, 1, std::move(copied));
  apply_ops(100, Truncate{1, {Route::Kind::pending, 1}, {1, Lsn{90}, 0}, 10, {}},
            pending(ChunkMaker(schema).row(RowOp::insert, {n(2), s("two"), kNull}, 95, 0, 11).take(), 1),
            Truncate{1, {Route::Kind::pending, 1}, {1, Lsn{100}, 0}, 30, {}},
            pending(ChunkMaker(schema).row(RowOp::insert, {n(5), s("five"), kNull}, 100, 1, 30).take(), 1));
  apply_ops(100, FinishCopy{1, 1, {20, 20, {}}, schema, 0});
  EXPECT_THAT(query(kUsers), ElementsAre("5|five|NULL"));
}

TEST_F(ShadowCopiesTest, a_crash_in_a_copy_leaves_nothing_behind) {
  open();
  const auto schema = users();
  apply_ops(0, set(schema, TableState::waiting, 1));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("one"), kNull}).take());
  copy(schema, 1, std::move(copied));
  apply_ops(50, pending(ChunkMaker(schema).row(RowOp::insert, {n(2), s("two"), kNull}, 50, 0, 30).take(), 1));
  reopen();
  EXPECT_EQ(query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%copy%'").size(), 1U);  // still wanted
  apply_ops(50, set(schema, TableState::waiting, 2));
  EXPECT_THAT(query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%copy%'"), IsEmpty());
  EXPECT_THAT(query("SELECT count(*) FROM _luge.pending"), ElementsAre("0"));
}

TEST_F(ShadowCopiesTest, copies_run_beside_the_stream) {
  options_.checkpoint_wal_bytes = 64U << 10;  // DuckDB rewrites its file all the time
  open();
  const auto busy = users(2, "busy");
  make_table(busy);
  const auto schema = users();
  apply_ops(0, set(schema, TableState::waiting, 1));
  constexpr std::int64_t kChunks = 40;
  constexpr std::int64_t kRows = 3000;
  auto writer = destination_->begin_copy(schema, 1);
  ASSERT_TRUE(writer.has_value());
  std::atomic<std::int64_t> next{0};
  std::atomic<int> failures{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (std::int64_t c = next++; c < kChunks; c = next++) {
        ChunkMaker maker(schema);
        for (std::int64_t r = 0; r < kRows; ++r) maker.copied({n(c * kRows + r), s("row number " + std::to_string(r)), kNull});
        if (!(*writer)->write(maker.take())) ++failures;
      }
    });
  }
  std::uint64_t lsn = 100;
  for (std::int64_t i = 0; i < 60; ++i, lsn += 10) {
    Batch b = batch(lsn, i % 4 != 0);
    if (!b.complete) b.checkpoint = {1, Lsn{lsn - 10}, Lsn{lsn - 9}};
    b.ops.emplace_back(live(ChunkMaker(busy).row(RowOp::insert, {n(i), s("x"), kNull}, lsn, 0, 1000).take()));
    b.ops.emplace_back(pending(ChunkMaker(schema).row(RowOp::update, {n(i), s("changed"), kAbsent}, lsn, 1, 1000).take(), 1));
    apply(std::move(b));
    if (i == 30) {  // a copy of another table begins and is given up meanwhile
      auto given_up = destination_->begin_copy(users(3, "third"), 1);
      ASSERT_TRUE(given_up.has_value()) << given_up.error().message();
      ASSERT_TRUE((*given_up)->write(ChunkMaker(users(3, "third")).copied({n(1), kNull, kNull}).take()).has_value());
      given_up->reset();
      auto dropped = destination_->drop_copy(3, 1);
      ASSERT_TRUE(dropped.has_value()) << dropped.error().message();
    }
  }
  threads.clear();
  EXPECT_EQ(failures, 0);
  ASSERT_TRUE((*writer)->finish().has_value());
  writer->reset();
  apply_ops(lsn, FinishCopy{1, 1, {10, 10, {}}, schema, 0});
  EXPECT_THAT(query("SELECT count(*), count(DISTINCT id), count(*) FILTER (name = 'changed') FROM public.users"), ElementsAre("120000|120000|60"));
  EXPECT_THAT(query("SELECT count(*) FROM public.busy"), ElementsAre("60"));
  reopen();
  EXPECT_THAT(query("SELECT count(*), count(DISTINCT id), count(*) FILTER (name = 'changed') FROM public.users"), ElementsAre("120000|120000|60"));
}

}  // namespace
}  // namespace luge::mirror_test
