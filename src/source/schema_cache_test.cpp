#include "source/schema_cache.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <thread>

#include "source/catalog_reader.h"
#include "source/catalog_scan.h"
#include "source/publication.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using Seconds = std::chrono::seconds;

class HandClock final : public Clock {
 public:
  Instant now() const override { return {micros.load()}; }
  PgTimestamp wall_now() const override { return {micros.load()}; }
  void pass(Duration time) { micros += time.count(); }
  std::atomic<std::int64_t> micros{1'000'000};
};

/// How often a member was told to look.
struct TimesTold {
  int now = 0;
  int soon = 0;
  auto count() {
    return [this](SchemaCache::Member::When when) { ++(when == SchemaCache::Member::When::now ? now : soon); };
  }
};

class SchemaCacheTest : public testing::Test {
 protected:
  SchemaCacheTest() : database_(server_.create_database()), sql_(server_.connect(database_)) {}
  void run(const std::string& statement) { server_.run(statement, database_); }
  std::string digest() {
    const auto version = read_catalog_version(sql_);
    EXPECT_TRUE(version) << version.error().message();
    return version ? version->digest : "";
  }
  std::vector<RelationOid> oids() {
    std::vector<RelationOid> all;
    const auto tables = CatalogReader(sql_, "pub").list_names();
    EXPECT_TRUE(tables);
    for (const ListedTable& table : *tables) all.push_back(table.oid);
    return all;
  }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  Connection sql_;
  HandClock clock_;
  SchemaCache cache_{clock_};
};

TEST_F(SchemaCacheTest, every_change_of_the_catalog_is_another_version) {
  run("CREATE TABLE t (id int PRIMARY KEY, v text, w int); CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TYPE mood AS ENUM ('sad'); "
      "CREATE TYPE pair AS (a int, b int); CREATE PUBLICATION pub FOR TABLE t; CREATE SCHEMA s; CREATE TABLE detached (id int)");
  std::string before = digest();
  EXPECT_EQ(digest(), before);
  const std::vector<std::string> changes = {"CREATE TABLE u (id int)",
                                            "DROP TABLE u",
                                            "ALTER TABLE t ADD COLUMN x int",
                                            "ALTER TABLE t DROP COLUMN x",
                                            "ALTER TABLE t RENAME COLUMN v TO vv",
                                            "ALTER TABLE t RENAME TO tt",
                                            "ALTER TABLE tt RENAME TO t",
                                            "ALTER TABLE t ALTER COLUMN w TYPE bigint",
                                            "ALTER TABLE t REPLICA IDENTITY FULL",
                                            "ALTER TABLE t ALTER COLUMN w SET NOT NULL",
                                            "TRUNCATE t",
                                            "CREATE UNIQUE INDEX i ON t (w)",
                                            "ALTER TABLE t REPLICA IDENTITY USING INDEX i",
                                            "ALTER TABLE t DROP CONSTRAINT t_pkey",
                                            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
                                            "ALTER TABLE p ATTACH PARTITION detached FOR VALUES FROM (10) TO (20)",
                                            "ALTER TABLE p DETACH PARTITION p1",
                                            "ALTER TYPE mood ADD VALUE 'glad'",
                                            "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
                                            "ALTER TYPE pair ALTER ATTRIBUTE b TYPE text",
                                            "ALTER PUBLICATION pub ADD TABLE detached",
                                            "ALTER PUBLICATION pub DROP TABLE detached",
                                            "ALTER PUBLICATION pub SET (publish = 'insert')",
                                            "ALTER TABLE t SET SCHEMA s",
                                            "ALTER SCHEMA s RENAME TO s2",
                                            "ALTER SCHEMA public RENAME TO p2",
                                            "DROP PUBLICATION pub",
                                            "CREATE PUBLICATION pub FOR ALL TABLES"};
  for (const std::string& change : changes) {
    run(change);
    const std::string after = digest();
    EXPECT_NE(after, before) << change;
    before = after;
  }
}

TEST_F(SchemaCacheTest, rows_statistics_and_temporary_tables_are_no_change) {
  run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  const std::string before = digest();
  run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 500) i; ANALYZE t");
  run("VACUUM FREEZE t");
  run("VACUUM FREEZE pg_class");
  run("VACUUM FREEZE pg_attribute");
  run("CREATE TEMP TABLE passing (id int PRIMARY KEY, v text)");
  EXPECT_EQ(digest(), before);
  Connection other = server_.connect(database_);
  ASSERT_TRUE(other.query("CREATE TEMP TABLE passing (id int PRIMARY KEY, v text)"));
  EXPECT_EQ(digest(), before) << "while it is there";
}

TEST_F(SchemaCacheTest, one_version_serves_everybody_until_it_is_too_old) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
  std::vector<std::jthread> askers;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back([this] {
      Connection own = server_.connect(database_);
      const auto version = cache_.version(own, Seconds(1), {});
      ASSERT_TRUE(version) << version.error().message();
      EXPECT_TRUE((*version)->publications.contains("pub"));
    });
  }
  askers.clear();
  EXPECT_EQ(cache_.counters().misses, 1U);
  EXPECT_EQ(cache_.counters().hits, 3U);
  clock_.pass(Seconds(2));
  ASSERT_TRUE(cache_.version(sql_, Seconds(1), {}));
  EXPECT_EQ(cache_.counters().misses, 2U);
}

TEST_F(SchemaCacheTest, who_waits_for_a_reader_can_be_stopped) {
  // The reader holds out while a lock on pg_class keeps its statement waiting.
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.query("BEGIN"));
  ASSERT_TRUE(locker.query("LOCK TABLE pg_enum IN ACCESS EXCLUSIVE MODE"));
  std::jthread reader([this] {
    Connection own = server_.connect(database_);
    EXPECT_TRUE(cache_.version(own, Seconds(1), {}));
  });
  while (cache_.counters().misses == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::stop_source stop;
  std::jthread waiter([&] {
    const auto version = cache_.version(sql_, Seconds(1), stop.get_token());
    ASSERT_FALSE(version);
    EXPECT_EQ(version.error().code, "stopped");
  });
  stop.request_stop();
  waiter.join();
  ASSERT_TRUE(locker.query("ROLLBACK"));
}

TEST_F(SchemaCacheTest, ten_thousand_tables_are_read_in_a_few_statements_and_for_all_pipelines_once) {
  constexpr int kTables = 10'000;
  run("DO $$ BEGIN FOR i IN 1.." + std::to_string(kTables) +
      " LOOP EXECUTE format('CREATE TABLE t%s (id int, v text)', i); "
      "IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$");
  run("CREATE PUBLICATION pub FOR ALL TABLES; CREATE PUBLICATION few FOR TABLE t7");
  const auto all = oids();
  ASSERT_THAT(all, SizeIs(kTables));
  const auto first = cache_.describe_tables(sql_, "pub", all);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_THAT(*first, SizeIs(kTables));
  const SchemaCache::Counters after_first = cache_.counters();
  EXPECT_LT(after_first.statements, 20U);
  EXPECT_EQ(after_first.tables, static_cast<std::size_t>(kTables));

  const auto second = cache_.describe_tables(sql_, "few", all);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(cache_.counters().misses, after_first.misses) << "no table was read again";
  ASSERT_THAT(*second, SizeIs(kTables));
  for (std::size_t i = 0; i < second->size(); ++i) {
    EXPECT_TRUE((*first)[i].published);
    EXPECT_EQ((*second)[i].published, (*second)[i].name.table == "t7");
    ASSERT_EQ((*first)[i].oid, (*second)[i].oid);
    ASSERT_THAT((*second)[i].columns, SizeIs(2));
  }
  clock_.pass(Seconds(90));
  ASSERT_TRUE(cache_.version(sql_, Seconds(1), {}));
  EXPECT_EQ(cache_.counters().tables, 0U) << "what nobody needs is not kept";
}

TEST_F(SchemaCacheTest, what_is_held_is_never_older_than_the_catalog) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE u (m mood); CREATE PUBLICATION pub FOR TABLE t WITH "
      "(publish_via_partition_root)");
  const auto all = oids();
  ASSERT_TRUE(cache_.describe_tables(sql_, "pub", all));
  run("ALTER TABLE t ADD COLUMN v text");
  const auto tables = cache_.describe_tables(sql_, "pub", all);
  ASSERT_TRUE(tables);
  ASSERT_THAT(*tables, SizeIs(2));
  EXPECT_THAT((*tables)[0].columns, SizeIs(2));
  run("DROP TABLE u");
  const auto rest = cache_.describe_tables(sql_, "pub", all);
  ASSERT_TRUE(rest);
  EXPECT_THAT(*rest, SizeIs(1));
}

TEST_F(SchemaCacheTest, a_look_at_a_catalog_that_stayed_as_it_was_asks_for_its_version_only) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub WITH (publish_via_partition_root)");
  CatalogScanOptions options{"pub", true, [](const TableName&) { return true; }, false};
  CatalogScan scan(options, {}, "");
  const auto look = [&] {
    clock_.pass(Seconds(10));
    const auto version = cache_.version(sql_, Seconds(1), {});
    EXPECT_TRUE(version);
    auto changes = scan.look(sql_, version->get());
    EXPECT_TRUE(changes) << changes.error().message();
    std::erase_if(*changes, [](const CatalogChange& change) { return change.kind == CatalogChange::Kind::remember; });
    return *changes;
  };
  EXPECT_THAT(look(), SizeIs(1));
  EXPECT_THAT(look(), IsEmpty());  // luge's own ALTER PUBLICATION was a change
  const Lsn seen = scan.publication_seen();
  run("INSERT INTO t VALUES (1)");
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_GT(scan.publication_seen(), seen) << "it is certain of the publication all the same";

  // Nothing else was asked: a connection that cannot answer anything serves as well.
  const auto version = cache_.version(sql_, Seconds(1), {});
  ASSERT_TRUE(version);
  Connection dead = server_.connect(database_);
  run("SELECT pg_terminate_backend(" + std::to_string(dead.backend_pid()) + ")");
  const auto nothing = scan.look(dead, version->get());
  ASSERT_TRUE(nothing) << nothing.error().message();

  run("ALTER TABLE t ADD COLUMN v text");
  const auto changes = look();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].kind, CatalogChange::Kind::reshaped);
  run("DROP PUBLICATION pub");
  ASSERT_THAT(look(), SizeIs(1));
}

TEST_F(SchemaCacheTest, one_member_reads_and_tells_the_others) {
  run("CREATE TABLE a (id int PRIMARY KEY)");
  TimesTold told_first, told_second, told_third;
  std::optional<SchemaCache::Member> first(std::in_place, cache_, told_first.count());
  const SchemaCache::Member second(cache_, told_second.count());
  const SchemaCache::Member third(cache_, told_third.count());
  EXPECT_TRUE(first->is_reader());
  EXPECT_FALSE(second.is_reader());
  ASSERT_TRUE(cache_.version(sql_, Seconds(1), {}));
  clock_.pass(Seconds(2));
  ASSERT_TRUE(cache_.version(sql_, Seconds(1), {}));
  EXPECT_EQ(told_second.now, 0) << "as before";
  run("CREATE TABLE b (id int PRIMARY KEY)");
  clock_.pass(Seconds(2));
  ASSERT_TRUE(cache_.version(sql_, Seconds(1), {}));
  EXPECT_EQ(told_second.now, 1);
  EXPECT_EQ(told_third.now, 1);

  second.could_not_read();
  EXPECT_TRUE(first->is_reader()) << "the second had nothing to read";
  first->could_not_read();
  EXPECT_TRUE(second.is_reader());
  EXPECT_EQ(told_second.now, 2);
  EXPECT_EQ(told_third.now, 2);
  EXPECT_EQ(told_first.now, 1) << "it knows";
  second.could_not_read();
  EXPECT_TRUE(third.is_reader());
  EXPECT_EQ(told_third.now, 2) << "they all fail: telling each other would not end";
  EXPECT_EQ(told_third.soon, 1) << "but whose turn it is may be at rest";
  EXPECT_EQ(told_first.soon, 0);
  third.could_not_read();
  EXPECT_TRUE(first->is_reader());
  EXPECT_EQ(told_first.soon, 1);
  first.reset();
  EXPECT_TRUE(second.is_reader());
  EXPECT_EQ(told_second.now, 3) << "whose turn it is now";
  EXPECT_EQ(told_third.now, 2);
  EXPECT_EQ(told_first.now, 1);
  clock_.pass(Seconds(2));
  second.could_not_read();
  EXPECT_EQ(told_third.now, 3) << "the last time was a while ago";
}

TEST_F(SchemaCacheTest, what_was_read_before_the_reader_failed_serves_nobody) {
  run("CREATE TABLE a (id int PRIMARY KEY)");
  TimesTold told_first, told_second;
  const SchemaCache::Member first(cache_, told_first.count());
  const SchemaCache::Member second(cache_, told_second.count());
  ASSERT_TRUE(cache_.version(sql_, Seconds(4), {}));
  ASSERT_NE(cache_.recent_version(Seconds(4)), nullptr);
  first.could_not_read();
  EXPECT_EQ(cache_.recent_version(Seconds(4)), nullptr) << "who is told is to look at the server";
  ASSERT_TRUE(cache_.version(sql_, Seconds(4), {}));
  EXPECT_EQ(cache_.counters().misses, 2U);
  EXPECT_NE(cache_.recent_version(Seconds(4)), nullptr);
  EXPECT_EQ(told_second.now, 1) << "the catalog is what it was";
  run("CREATE TABLE b (id int PRIMARY KEY)");
  second.could_not_read();
  ASSERT_TRUE(cache_.version(sql_, Seconds(4), {}));
  EXPECT_EQ(told_second.now, 2) << "it is compared with what was there before";
}

TEST_F(SchemaCacheTest, a_member_alone_tells_nobody) {
  TimesTold told;
  const SchemaCache::Member alone(cache_, told.count());
  alone.could_not_read();
  EXPECT_TRUE(alone.is_reader());
  EXPECT_EQ(told.now + told.soon, 0);
}

}  // namespace
}  // namespace luge
