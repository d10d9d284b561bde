#include "destination/duckdb/duckdb_destination.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/random.h"
#include "destination/duckdb/mirror_test_support.h"
#include "support/small_disk.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using DuckdbDestinationTest = MirrorTest;

TableSchemaPtr users(RelationOid oid = 1, const std::string& name = "users") {
  return shape(oid, {"public", name}, {column("id", 1, ValueKind::int64), column("name", 2, ValueKind::text), column("bio", 3, ValueKind::text)},
               {0});
}

constexpr const char* kUsers = "SELECT id, name, bio FROM public.users ORDER BY id, name, bio";

TEST_F(DuckdbDestinationTest, a_new_file_is_private_and_empty) {
  const Frontier frontier = open();
  EXPECT_FALSE(frontier.mirror_uuid.empty());
  EXPECT_TRUE(frontier.checkpoint.commit_lsn.is_zero());
  EXPECT_TRUE(frontier.tables.empty());
  struct stat status {};
  ASSERT_EQ(::stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(DuckdbDestinationTest, a_copy_becomes_a_table_and_changes_follow) {
  open();
  const auto schema = users();
  make_table(schema, [&] {
    std::vector<TableChunk> chunks;
    chunks.push_back(
        ChunkMaker(schema).copied({n(1), s("ann"), kNull}).copied({n(2), s("bob"), s("a biography that is longer than twelve bytes")}).take());
    return chunks;
  }());
  EXPECT_THAT(query(kUsers), ElementsAre("1|ann|NULL", "2|bob|a biography that is longer than twelve bytes"));

  const Frontier frontier = apply_ops(100, live(ChunkMaker(schema)
                                                    .row(RowOp::insert, {n(3), s("cem"), s("x")}, 100, 0)
                                                    .row(RowOp::update, {n(1), s("anna"), kAbsent}, 100, 1)
                                                    .row(RowOp::remove, {n(2), kAbsent, kAbsent}, 100, 2)
                                                    .take()));
  EXPECT_EQ(frontier.checkpoint, (Checkpoint{1, Lsn{100}, Lsn{101}}));
  EXPECT_TRUE(frontier.tables.empty());
  EXPECT_EQ(frontier.rows_applied, 3U);
  EXPECT_THAT(query(kUsers), ElementsAre("1|anna|NULL", "3|cem|x"));
}

TEST_F(DuckdbDestinationTest, the_checkpoint_and_the_records_survive_a_reopening) {
  open();
  const auto schema = users();
  make_table(schema);
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()));
  ASSERT_TRUE(destination_->record_intent({1, Lsn{101}}).has_value());
  ASSERT_TRUE(destination_->close().has_value());
  EXPECT_FALSE(std::filesystem::exists(options_.path + ".wal"));
  const Frontier frontier = open();
  EXPECT_EQ(frontier.checkpoint, (Checkpoint{1, Lsn{100}, Lsn{101}}));
  EXPECT_EQ(frontier.intent, Lsn{101});
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].state, TableState::live);
  EXPECT_EQ(frontier.tables[0].attempt, 1U);
  EXPECT_TRUE(same_shape(*frontier.tables[0].schema, *schema));
  EXPECT_THAT(query(kUsers), ElementsAre("1|a|NULL"));
}

TEST_F(DuckdbDestinationTest, what_is_known_of_the_catalog_comes_back_with_its_commit) {
  EXPECT_EQ(open().catalog_memory, "");
  apply_ops(100, RememberCatalog{"the first"});
  EXPECT_EQ(open().catalog_memory, "the first");
  apply_ops(100, RememberCatalog{"it's another"});  // between two transactions
  EXPECT_EQ(open().catalog_memory, "it's another");
}

TEST_F(DuckdbDestinationTest, a_replayed_batch_changes_nothing) {
  open();
  const auto schema = users();
  make_table(schema);
  for (int i = 0; i < 3; ++i) {
    apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()));
  }
  EXPECT_THAT(query(kUsers), ElementsAre("1|a|NULL"));
  // The same transaction in two parts.
  Batch first = batch(100, false);
  first.ops.emplace_back(live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 100, 0).take()));
  apply(std::move(first));
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 100, 1).take()));
  EXPECT_THAT(query(kUsers), ElementsAre("1|a|NULL"));
}

TEST_F(DuckdbDestinationTest, parts_of_a_transaction_become_visible_together_or_never) {
  open();
  const auto schema = users();
  make_table(schema);
  Batch part = batch(0, false);
  part.ops.emplace_back(live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()));
  const Frontier halfway = apply(std::move(part));
  EXPECT_TRUE(halfway.checkpoint.commit_lsn.is_zero());
  EXPECT_THAT(query(kUsers), IsEmpty());
  apply_ops(0, AbortOpenTransaction{});
  EXPECT_THAT(query(kUsers), IsEmpty());

  part = batch(0, false);
  part.ops.emplace_back(live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("b"), kNull}, 100, 0).take()));
  apply(std::move(part));
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::update, {n(1), s("c"), kAbsent}, 100, 1).take()));
  EXPECT_THAT(query(kUsers), ElementsAre("1|c|NULL"));
}

TEST_F(DuckdbDestinationTest, keys_move_swap_and_return) {
  open();
  const auto schema = users();
  make_table(schema);
  apply_ops(100, live(ChunkMaker(schema)
                          .row(RowOp::insert, {n(1), s("one"), s("bio 1, long enough to be toasted")}, 100, 0)
                          .row(RowOp::insert, {n(2), s("two"), s("bio 2, long enough to be toasted")}, 100, 1)
                          .take()));
  // 1 -> 9, 2 -> 1, 9 -> 2: a swap over a temporary value, with values that never travel.
  apply_ops(200, live(ChunkMaker(schema)
                          .row(RowOp::old_image, {n(1), kAbsent, kAbsent}, 200, 0)
                          .row(RowOp::update, {n(9), s("one"), kAbsent}, 200, 0)
                          .row(RowOp::old_image, {n(2), kAbsent, kAbsent}, 200, 1)
                          .row(RowOp::update, {n(1), s("two"), kAbsent}, 200, 1)
                          .row(RowOp::old_image, {n(9), kAbsent, kAbsent}, 200, 2)
                          .row(RowOp::update, {n(2), kAbsent, kAbsent}, 200, 2)
                          .take()));
  EXPECT_THAT(query(kUsers), ElementsAre("1|two|bio 2, long enough to be toasted", "2|one|bio 1, long enough to be toasted"));
  // Deleted and inserted again, inserted and deleted, updated twice.
  apply_ops(300, live(ChunkMaker(schema)
                          .row(RowOp::remove, {n(1), kAbsent, kAbsent}, 300, 0)
                          .row(RowOp::insert, {n(1), s("new"), s("b")}, 300, 1)
                          .row(RowOp::update, {n(1), s("newer"), kAbsent}, 300, 2)
                          .row(RowOp::insert, {n(5), s("gone"), kNull}, 300, 3)
                          .row(RowOp::remove, {n(5), kAbsent, kAbsent}, 300, 4)
                          .row(RowOp::update, {n(2), s("x"), kAbsent}, 300, 5)
                          .row(RowOp::update, {n(2), kAbsent, s("y")}, 300, 6)
                          .take()));
  EXPECT_THAT(query(kUsers), ElementsAre("1|newer|b", "2|x|y"));
}

TEST_F(DuckdbDestinationTest, truncate_discards_what_was_before_it) {
  open();
  const auto schema = users();
  make_table(schema);
  apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()));
  apply_ops(200, live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0).take()), Truncate{1, {}, {1, Lsn{200}, 1}, 5, {}},
            live(ChunkMaker(schema).row(RowOp::insert, {n(3), s("c"), kNull}, 200, 2).take()));
  EXPECT_THAT(query(kUsers), ElementsAre("3|c|NULL"));
}

TEST_F(DuckdbDestinationTest, a_divergence_stops_one_table_only) {
  open();
  const auto schema = users();
  const auto other = users(2, "others");
  make_table(schema);
  make_table(other);
  const Frontier frontier = apply_ops(100, live(ChunkMaker(schema).row(RowOp::update, {n(1), s("never inserted"), kNull}, 100, 7).take()),
                                      live(ChunkMaker(other).row(RowOp::insert, {n(1), s("fine"), kNull}, 100, 8).take()));
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].state, TableState::quarantined);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "divergence");
  EXPECT_EQ(frontier.tables[0].quarantine->position, (Position{1, Lsn{100}, 7}));
  EXPECT_THAT(frontier.tables[0].quarantine->fix, HasSubstr("luge resync public.users"));
  EXPECT_EQ(frontier.checkpoint.commit_lsn, Lsn{100});
  apply_ops(200, live(ChunkMaker(schema).row(RowOp::insert, {n(5), s("dropped"), kNull}, 200, 0).take()),
            live(ChunkMaker(other).row(RowOp::insert, {n(2), s("still"), kNull}, 200, 1).take()));
  EXPECT_THAT(query("SELECT count(*) FROM public.users WHERE id = 5"), ElementsAre("0"));
  EXPECT_THAT(query("SELECT name FROM public.others ORDER BY id"), ElementsAre("fine", "still"));
  // A stale word of the pipeline does not heal it; a new attempt does.
  apply_ops(200, set(schema, TableState::live, 1));
  reopen();
  EXPECT_EQ(open().tables[0].state, TableState::quarantined);
  apply_ops(200, set(schema, TableState::resyncing, 2));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(schema).copied({n(1), s("healed"), kNull}).take());
  copy(schema, 2, std::move(copied));
  apply_ops(200, FinishCopy{1, 2, {}, schema, 0});
  apply_ops(300, set(schema, TableState::live, 2), live(ChunkMaker(schema).row(RowOp::update, {n(1), s("healthy"), kAbsent}, 300, 0).take()));
  EXPECT_THAT(query(kUsers), ElementsAre("1|healthy|NULL"));
}

TEST_F(DuckdbDestinationTest, a_barrier_reads_everything_before_it_and_nothing_after) {
  open();
  const auto schema = users();
  make_table(schema);
  const Frontier frontier = apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()), Barrier{42});
  ASSERT_EQ(frontier.barriers.size(), 1U);
  EXPECT_EQ(frontier.barriers[0].id, 42U);
  apply_ops(200,
            live(ChunkMaker(schema).row(RowOp::insert, {n(2), s("b"), kNull}, 200, 0).row(RowOp::remove, {n(1), kAbsent, kAbsent}, 200, 1).take()));
  EXPECT_THAT(query(*frontier.barriers[0].reader, kUsers), ElementsAre("1|a|NULL"));
  EXPECT_THAT(query(kUsers), ElementsAre("2|b|NULL"));
}

TEST_F(DuckdbDestinationTest, a_reader_refuses_to_write) {
  open();
  const auto schema = users();
  make_table(schema);
  auto reader = destination_->read();
  ASSERT_TRUE(reader.has_value());
  const auto nothing = [](const auto&) {};
  for (const char* sql : {"DELETE FROM public.users", "SELECT 1; SELECT 2", "CREATE TABLE x (a INT)", "SET threads = 4", "ATTACH 'x.db'",
                          "COPY public.users TO 'x.csv'", "CHECKPOINT", "EXPLAIN ANALYZE DELETE FROM public.users",
                          "SELECT * FROM read_csv('/etc/passwd')", "ROLLBACK", "", "SELEC 1", "INSTALL httpfs", "SELECT * FROM luge_stage(1)"}) {
    EXPECT_FALSE((*reader)->query(sql, nothing, nothing).has_value()) << sql;
  }
  EXPECT_THAT(query("SELECT 1 AS a, 2 AS a; -- twice"), ElementsAre("1|2"));
  EXPECT_THAT(query("WITH x AS (SELECT 3 AS a) SELECT * FROM x ORDER BY a;"), ElementsAre("3"));
  EXPECT_EQ(query("SELECT i FROM range(5000) t(i) ORDER BY i DESC").front(), "4999");
  EXPECT_THAT(query("SELECT 1.5 AS a, DATE '2024-02-29'; -- once"), ElementsAre("1.5|2024-02-29"));
  std::vector<std::string> names;
  auto fresh = destination_->read();  // an error while a statement runs ends a reader
  ASSERT_TRUE(fresh.has_value());
  ASSERT_TRUE((*fresh)
                  ->query(
                      "SELECT 1 AS a, 2 AS \"B c\", id FROM public.users", [&](const auto& columns) { names = columns; }, nothing)
                  .has_value());
  EXPECT_THAT(names, ElementsAre("a", "B c", "id"));
  EXPECT_THAT(query("SHOW TABLES FROM public"), ElementsAre("users"));
  EXPECT_THAT(query("SELECT TIMESTAMPTZ '2024-05-06 07:08:09+02', [1, NULL], NULL::INT"), ElementsAre("2024-05-06 05:08:09+00|[1, NULL]|NULL"));
}

TEST_F(DuckdbDestinationTest, who_may_open) {
  open();
  const std::string uuid = open().mirror_uuid;  // again, by the same owner
  auto second = make_duckdb_destination(options_);
  auto refused = second->open(request_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "locked");
  ASSERT_TRUE(destination_->close().has_value());

  request_.fence = 5;
  EXPECT_EQ(open().mirror_uuid, uuid);
  request_.fence = 4;
  refused = try_open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "fenced");
  request_.fence = 6;
  request_.pipeline = "another";
  refused = try_open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "foreign");
  request_.pipeline = "p";
  request_.log_mode = true;
  refused = try_open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "mode");
}

TEST_F(DuckdbDestinationTest, files_that_are_not_mirrors_are_refused_and_left_alone) {
  std::ofstream(options_.path) << "this is a text file, and not a short one";
  auto refused = try_open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "foreign");
  std::string content;
  std::getline(std::ifstream(options_.path), content);
  EXPECT_EQ(content, "this is a text file, and not a short one");
}

TEST_F(DuckdbDestinationTest, an_unknown_table_is_an_error_and_nothing_is_durable) {
  open();
  const auto schema = users();
  make_table(schema);
  Batch b = batch(100);
  b.ops.emplace_back(live(ChunkMaker(schema).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 0).take()));
  b.ops.emplace_back(live(ChunkMaker(users(99, "never")).row(RowOp::insert, {n(1), s("a"), kNull}, 100, 1).take()));
  auto refused = try_apply(std::move(b));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "unknown_table");
  EXPECT_EQ(refused.error().write_state, WriteState::not_applied);
  EXPECT_THAT(query(kUsers), IsEmpty());
  EXPECT_TRUE(open().checkpoint.commit_lsn.is_zero());
}

TEST_F(DuckdbDestinationTest, a_table_that_somebody_removed_is_quarantined) {
  open();
  make_table(users());
  destination_.reset();
  change_file("DROP TABLE public.users");
  const Frontier frontier = open();
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].state, TableState::quarantined);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "missing");
  EXPECT_EQ(frontier.tables[0].schema, nullptr);
}

TEST_F(DuckdbDestinationTest, a_full_disk_loses_nothing) {
  const std::string small = directory_ + "/small";
  std::filesystem::create_directory(small);
  on_small_disk(small, "8m", [&] {
    options_.path = small + "/mirror.duckdb";
    open();
    const auto schema = users();
    make_table(schema);
    apply_ops(100, live(ChunkMaker(schema).row(RowOp::insert, {n(-1), s("before"), kNull}, 100, 0).take()));
    std::optional<Error> error;
    std::uint64_t lsn = 200;
    std::uint64_t last_good = 100;
    for (std::int64_t i = 0; i < 40 && !error; ++i, lsn += 10) {
      ChunkMaker maker(schema);
      SeededRandom random(lsn);
      for (std::int64_t r = 0; r < 1000; ++r) {
        std::string noise;
        for (int w = 0; w < 60; ++w) noise += std::to_string(random.next());
        maker.row(RowOp::insert, {n(i * 1000 + r), s(noise), kNull}, lsn, static_cast<std::uint64_t>(r));
      }
      Batch b = batch(lsn);
      b.ops.emplace_back(live(maker.take()));
      auto outcome = try_apply(std::move(b));
      if (outcome) {
        last_good = lsn;
      } else {
        error = outcome.error();
      }
    }
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->recovery, Recovery::retry) << error->message();
    EXPECT_EQ(error->code, "disk_full") << error->message();
    ASSERT_TRUE(resize_small_disk(small, "64m"));
    const Frontier frontier = open();
    EXPECT_GE(frontier.checkpoint.commit_lsn.value, last_good);
    const std::uint64_t batches = (frontier.checkpoint.commit_lsn.value - 190) / 10;
    EXPECT_THAT(query("SELECT count(*) FROM public.users"), ElementsAre(std::to_string(1 + 1000 * batches)));
    apply_ops(lsn + 1000, live(ChunkMaker(schema).row(RowOp::insert, {n(-2), s("after"), kNull}, lsn + 1000, 0).take()));
  });
}

TEST_F(DuckdbDestinationTest, what_a_kill_left_while_the_file_was_made_is_not_in_the_way) {
  std::ofstream(options_.path + ".new") << "half a head";
  std::ofstream(options_.path + ".wal") << "of a mirror that was removed";
  open();
  EXPECT_FALSE(std::filesystem::exists(options_.path + ".new"));
  EXPECT_THAT(query("SELECT count(*) FROM _luge.meta WHERE key = 'uuid'"), ElementsAre("1"));
}

TEST_F(DuckdbDestinationTest, tables_that_luge_did_not_make_are_foreign_or_in_the_way) {
  change_file("CREATE TABLE theirs (a INT)");
  auto refused = try_open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "foreign");
  EXPECT_THAT(refused.error().what, HasSubstr("main.theirs"));
  change_file("DROP TABLE theirs");
  open();
  destination_.reset();
  change_file("CREATE SCHEMA public; CREATE TABLE public.USERS (a INT)");
  open();
  const auto schema = users();
  apply_ops(0, set(schema, TableState::waiting, 1));
  copy(schema, 1, {});
  const Frontier frontier = apply_ops(0, FinishCopy{1, 1, {}, schema, 0});
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "name_taken");
}

}  // namespace
}  // namespace luge::mirror_test
