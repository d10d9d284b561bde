#include "source/catalog_watcher.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/catalog_reader.h"
#include "source/publication.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class CatalogScanTest : public testing::Test {
 protected:
  CatalogScanTest() : database_(server_.create_database()), sql_(server_.connect(database_)) {}
  void run(const std::string& sql) { server_.run(sql, database_); }
  CatalogScanOptions scan_options(bool may_add = true) const {
    return {"pub", may_add, [](const TableName& name) { return !name.table.starts_with("x"); }, false};
  }
  /// "found t", "gone <oid>", …
  std::vector<std::string> look(CatalogScan&& scan) { return look(scan); }
  std::vector<std::string> look(CatalogScan& scan) {
    auto changes = scan.look(sql_);
    EXPECT_TRUE(changes) << changes.error().message();
    std::vector<std::string> words;
    for (const CatalogChange& change : *changes) {
      switch (change.kind) {
        case CatalogChange::Kind::found: words.push_back("found " + change.table.name.table); break;
        case CatalogChange::Kind::gone: words.push_back("gone " + names_[change.oid]); break;
        case CatalogChange::Kind::rewritten: words.push_back("rewritten " + names_[change.oid]); break;
        case CatalogChange::Kind::reshaped:
          words.push_back("reshaped " + change.table.name.table);
          EXPECT_FALSE(change.after.is_zero());
          break;
        case CatalogChange::Kind::remember: memory_ = change.memory; continue;
        case CatalogChange::Kind::publication_lost: words.emplace_back(change.loss.made_again ? "publication made again" : "publication lost"); break;
      }
      if (change.kind == CatalogChange::Kind::found) names_[change.oid] = change.table.name.table;
      last_ = change;
    }
    return words;
  }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  Connection sql_;
  std::map<RelationOid, std::string> names_;
  CatalogChange last_;
  std::string memory_;
};

TEST_F(CatalogScanTest, takes_in_what_is_wanted_and_can_be_followed) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE x_not (id int PRIMARY KEY); CREATE TABLE keyless (id int); CREATE PUBLICATION pub WITH "
      "(publish_via_partition_root)");
  CatalogScan scan(scan_options(), {}, "");
  EXPECT_THAT(look(scan), ElementsAre("found a"));
  EXPECT_TRUE(last_.table.published);
  EXPECT_THAT(look(scan), IsEmpty());
  run("CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT");
  EXPECT_THAT(look(scan), ElementsAre("found b", "found p"));
  EXPECT_EQ(server_.run("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables", database_), "a,b,p");
}

TEST_F(CatalogScanTest, leaves_out_what_would_break_the_applications_changes) {
  run("CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT; ALTER TABLE p REPLICA IDENTITY FULL;"
      "CREATE TABLE g (a int, b int GENERATED ALWAYS AS (a + 1) STORED, PRIMARY KEY (a, b)); INSERT INTO p VALUES (1); CREATE PUBLICATION pub WITH "
      "(publish_via_partition_root)");
  CatalogScanOptions options = scan_options();
  CatalogScan scan(options, {}, "");
  EXPECT_THAT(look(scan), IsEmpty());
  run("UPDATE p SET id = 2; DELETE FROM p; ALTER TABLE p1 REPLICA IDENTITY FULL");
  EXPECT_THAT(look(CatalogScan(options, {}, "")), ElementsAre("found p"));
  options.allow_no_identity = true;
  EXPECT_THAT(look(CatalogScan(options, {}, "")), UnorderedElementsAre("found g", "found p")) << "by choice";
}

TEST_F(CatalogScanTest, tells_of_a_partition_that_did_not_take_over_the_identity) {
  run("CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
      "ALTER TABLE p REPLICA IDENTITY FULL; ALTER TABLE p1 REPLICA IDENTITY FULL; CREATE PUBLICATION pub WITH (publish_via_partition_root)");
  CatalogScan scan(scan_options(), {}, "");
  EXPECT_THAT(look(scan), ElementsAre("found p"));
  run("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)");
  testing::internal::CaptureStderr();
  EXPECT_THAT(look(scan), IsEmpty());
  EXPECT_THAT(look(scan), IsEmpty());
  const std::string said = testing::internal::GetCapturedStderr();
  const std::size_t first = said.find("partition_without_identity");
  ASSERT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("partition_without_identity", first + 1), std::string::npos) << "once";
  EXPECT_THAT(said, testing::HasSubstr("p2"));
  EXPECT_THAT(said, testing::HasSubstr("REPLICA IDENTITY FULL"));
  run("ALTER TABLE p2 REPLICA IDENTITY FULL");
  EXPECT_THAT(look(scan), IsEmpty());
}

TEST_F(CatalogScanTest, leaves_anothers_publication_as_it_is) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a");
  CatalogScan scan(scan_options(false), {}, "");
  EXPECT_THAT(look(scan), ElementsAre("found a"));
  run("ALTER PUBLICATION pub ADD TABLE b");
  EXPECT_THAT(look(scan), ElementsAre("found b"));
}

TEST_F(CatalogScanTest, tells_what_left_and_does_not_take_it_in_again) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  EXPECT_THAT(look(scan), ElementsAre("found a", "found b"));
  run("DROP TABLE a; ALTER PUBLICATION pub DROP TABLE b");
  EXPECT_THAT(look(scan), UnorderedElementsAre("gone a", "gone b"));
  EXPECT_THAT(look(scan), IsEmpty());
  run("CREATE TABLE a (id int PRIMARY KEY)");
  EXPECT_THAT(look(scan), ElementsAre("found a")) << "another table of the same name";
  run("ALTER PUBLICATION pub ADD TABLE b");
  EXPECT_THAT(look(scan), ElementsAre("found b")) << "its owner put it back";
}

TEST_F(CatalogScanTest, what_is_selected_no_more_is_released_and_comes_back_as_new) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a, b");
  std::vector<FollowedTable> followed;
  for (const char* name : {"a", "b"}) {
    followed.push_back(
        {static_cast<RelationOid>(std::stoul(server_.run("SELECT '" + std::string(name) + "'::regclass::oid", database_))), 0, nullptr, false});
    names_[followed.back().oid] = name;
  }
  CatalogScanOptions only_a = scan_options();
  only_a.wants = [](const TableName& name) { return name.table == "a"; };
  {
    CatalogScan scan(only_a, followed, "");
    EXPECT_THAT(look(scan), ElementsAre("gone b"));
    EXPECT_THAT(look(scan), IsEmpty());
  }
  EXPECT_EQ(server_.run("SELECT count(*) FROM pg_publication_tables", database_), "2");
  only_a.fixed = true;
  {
    run("CREATE TABLE c (id int PRIMARY KEY); ALTER TABLE a RENAME TO aa");
    CatalogScan scan(only_a, followed, "");
    EXPECT_THAT(look(scan), IsEmpty()) << "whatever is selected";
  }
  followed[1].dropped = true;
  CatalogScan scan(scan_options(), followed, "");
  EXPECT_THAT(look(scan), UnorderedElementsAre("found b", "found c"));
}

TEST_F(CatalogScanTest, one_table_that_may_not_be_published_does_not_keep_out_the_others) {
  run("CREATE ROLE owner_" + database_ + " LOGIN; GRANT CREATE ON DATABASE " + database_ + " TO owner_" + database_ +
      "; CREATE TABLE a (id int PRIMARY KEY);"
      "CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE b OWNER TO owner_" +
      database_);
  auto weak = Connection::open(server_.options(database_, "owner_" + database_));
  ASSERT_TRUE(weak);
  ASSERT_TRUE(create_publication(*weak, "pub", {}));
  CatalogScan scan(scan_options(), {}, "");
  const auto changes = scan.look(*weak);
  ASSERT_TRUE(changes) << changes.error().message();
  ASSERT_EQ(changes->size(), 2U);
  EXPECT_EQ((*changes)[0].table.name.table, "b");
  EXPECT_EQ((*changes)[1].kind, CatalogChange::Kind::remember);
}

TEST_F(CatalogScanTest, tells_new_shapes_with_the_position_from_which_they_hold) {
  run("CREATE TABLE a (id int PRIMARY KEY, n int); CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  run("ALTER TABLE a ADD note text DEFAULT 'old'");
  EXPECT_THAT(look(scan), ElementsAre("reshaped a"));
  ASSERT_EQ(last_.table.columns.size(), 3U);
  EXPECT_EQ(last_.table.columns[2].missing_text, "old");
  run("ALTER TABLE a RENAME TO c");
  EXPECT_THAT(look(scan), ElementsAre("reshaped c"));
  run("ALTER TABLE c ALTER n TYPE bigint");
  EXPECT_THAT(look(scan), ElementsAre("reshaped c", "rewritten a"));
  EXPECT_THAT(look(scan), IsEmpty());
}

TEST_F(CatalogScanTest, a_column_that_is_published_later_means_the_table_again) {
  run("CREATE TABLE g (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED); CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  const std::string seen = memory_;
  run("ALTER TABLE g ALTER twice DROP EXPRESSION");
  EXPECT_THAT(look(scan), ElementsAre("reshaped g", "rewritten g"));
  EXPECT_THAT(look(scan), IsEmpty());
  CatalogScan next_process(scan_options(), {{last_.oid, 0, nullptr, false}}, seen);
  EXPECT_THAT(look(next_process), ElementsAre("rewritten g"));
  EXPECT_THAT(look(next_process), IsEmpty());
}

TEST_F(CatalogScanTest, a_locked_table_is_looked_at_again_later) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  run("ALTER TABLE a ADD n int");
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE public.a"));
  EXPECT_THAT(look(scan), IsEmpty());
  ASSERT_TRUE(locker.exec("COMMIT"));
  EXPECT_THAT(look(scan), ElementsAre("reshaped a"));
}

TEST_F(CatalogScanTest, compares_with_what_the_destination_knew) {
  run("CREATE TABLE same (id int PRIMARY KEY); CREATE TABLE wider (id int PRIMARY KEY); CREATE TABLE redone (id int PRIMARY KEY, n int); CREATE "
      "TABLE lost (id int PRIMARY KEY);"
      "CREATE TABLE left_once (id int PRIMARY KEY); INSERT INTO redone VALUES (1, 1); CREATE PUBLICATION pub");
  CatalogReader reader(sql_, "pub");
  auto tables = reader.list_tables();
  ASSERT_TRUE(tables);
  std::vector<FollowedTable> followed;
  for (const CatalogTable& table : *tables) {
    auto schema = std::make_shared<TableSchema>();
    schema->oid = table.oid;
    schema->name = table.name;
    for (const CatalogColumn& column : table.columns) {
      ColumnSchema known;
      known.name = column.name;
      known.attnum = column.attnum;
      known.type = column.type;
      known.typmod = column.typmod;
      schema->columns.push_back(known);
    }
    followed.push_back({table.oid, table.file_node, schema, table.name.table == "left_once"});
    names_[table.oid] = table.name.table;
    if (table.name.table == "left_once") continue;
    ASSERT_TRUE(add_to_publication(sql_, "pub", {table.name}));
  }
  run("ALTER TABLE wider ADD n int; ALTER TABLE redone ALTER n TYPE int USING n + 1; DROP TABLE lost");
  CatalogScan scan(scan_options(), followed, "");
  EXPECT_THAT(look(scan), UnorderedElementsAre("gone lost", "reshaped wider", "rewritten redone"));
  EXPECT_THAT(look(scan), IsEmpty());
}

TEST_F(CatalogScanTest, a_lost_publication_is_told_once_and_nothing_else_is) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a, b");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  look(scan);
  const Lsn seen = scan.publication_seen();
  EXPECT_FALSE(seen.is_zero());
  run("DROP PUBLICATION pub; DROP TABLE a");
  EXPECT_THAT(look(scan), ElementsAre("publication lost")) << "no table may be called gone";
  EXPECT_EQ(last_.loss.from, seen);
  EXPECT_GT(last_.loss.to, seen);
  run("CREATE PUBLICATION pub FOR TABLE b");
  EXPECT_THAT(look(scan), IsEmpty());
  EXPECT_EQ(scan.publication_seen(), seen);
}

TEST_F(CatalogScanTest, a_publication_made_again_between_two_looks_is_another) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  run("DROP PUBLICATION pub; CREATE PUBLICATION pub FOR TABLE a");
  EXPECT_THAT(look(scan), ElementsAre("publication made again"));
}

TEST_F(CatalogScanTest, the_publication_of_an_earlier_process_is_known_by_its_oid) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a");
  CatalogScanOptions options = scan_options();
  options.publication_oid = static_cast<Oid>(std::stoul(server_.run("SELECT oid FROM pg_publication WHERE pubname = 'pub'", database_)));
  options.publication_seen = Lsn{17};
  {
    CatalogScan scan(options, {}, "");
    EXPECT_THAT(look(scan), ElementsAre("found a"));
    EXPECT_GT(scan.publication_seen(), Lsn{17});
  }
  run("DROP PUBLICATION pub; CREATE PUBLICATION pub FOR TABLE a");
  CatalogScan scan(options, {}, "");
  EXPECT_THAT(look(scan), ElementsAre("publication made again"));
  EXPECT_EQ(last_.loss.from, Lsn{17});
}

TEST_F(CatalogScanTest, a_publication_that_is_being_dropped_is_not_certain) {
  run("CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  look(scan);
  const Lsn seen = scan.publication_seen();
  Connection dropper = server_.connect(database_);
  ASSERT_TRUE(dropper.exec("BEGIN; DROP PUBLICATION pub"));
  // The commit record of a DROP can lie in the WAL long before anybody sees it, while a synchronous standby is awaited.
  run("SELECT pg_logical_emit_message(true, 'test', '')");
  EXPECT_THAT(look(scan), IsEmpty());
  EXPECT_EQ(scan.publication_seen(), seen);
  ASSERT_TRUE(dropper.exec("ROLLBACK"));
  EXPECT_THAT(look(scan), IsEmpty());
  EXPECT_GT(scan.publication_seen(), seen);
}

TEST_F(CatalogScanTest, renamed_labels_mean_the_table_again) {
  run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE a (id int PRIMARY KEY, m mood); CREATE PUBLICATION pub");
  CatalogScan scan(scan_options(), {}, "");
  look(scan);
  run("ALTER TYPE mood ADD VALUE 'fine'");
  EXPECT_THAT(look(scan), IsEmpty());
  run("ALTER TYPE mood RENAME VALUE 'ok' TO 'good'");
  EXPECT_THAT(look(scan), ElementsAre("rewritten a"));
}

TEST_F(CatalogScanTest, remembers_what_it_saw_for_the_next_process) {
  run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moody (id int PRIMARY KEY, m mood); CREATE TABLE same (id int PRIMARY KEY); CREATE TABLE "
      "readded (id int PRIMARY KEY); CREATE TABLE granted (id int PRIMARY KEY, n int); CREATE TABLE emptied (id int PRIMARY KEY); CREATE PUBLICATION "
      "pub");
  std::vector<FollowedTable> followed;
  {
    CatalogScan scan(scan_options(), {}, "");
    const auto changes = scan.look(sql_);
    ASSERT_TRUE(changes) << changes.error().message();
    for (const CatalogChange& change : *changes) {
      if (change.kind == CatalogChange::Kind::found) followed.push_back({change.oid, change.table.file_node, nullptr, false});
      names_[change.oid] = change.table.name.table;
    }
    memory_ = changes->back().memory;
    ASSERT_FALSE(memory_.empty());
    EXPECT_THAT(look(scan), IsEmpty());
  }
  {
    const std::string before = memory_;
    CatalogScan scan(scan_options(), followed, memory_);
    EXPECT_THAT(look(scan), IsEmpty());
    EXPECT_EQ(memory_, before) << "nothing new to remember";
  }
  // A rewrite whose row of pg_class carries another transaction's id by now, which the file node alone would call a TRUNCATE.
  run("ALTER TYPE mood RENAME VALUE 'ok' TO 'good'; ALTER PUBLICATION pub DROP TABLE readded; ALTER TABLE granted ALTER n TYPE bigint; TRUNCATE "
      "emptied");
  run("ALTER PUBLICATION pub ADD TABLE readded; GRANT SELECT ON granted TO PUBLIC");
  {
    CatalogScan scan(scan_options(), followed, memory_);
    EXPECT_THAT(look(scan), UnorderedElementsAre("rewritten moody", "rewritten readded", "rewritten granted"));
    EXPECT_THAT(look(scan), IsEmpty());
  }
  run("DROP PUBLICATION pub; CREATE PUBLICATION pub FOR TABLE moody, same, readded, granted, emptied");
  {
    CatalogScan scan(scan_options(), followed, memory_);
    EXPECT_THAT(look(scan), testing::SizeIs(5));
  }
  CatalogScan scan(scan_options(), followed, "something else");
  EXPECT_THAT(look(scan), testing::Contains("rewritten emptied").Times(0));
}

template <class Take>
auto wait_for(Take take) -> decltype(take()) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (auto taken = take()) return taken;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

TEST_F(CatalogScanTest, the_watcher_answers_in_order_and_finds_new_tables) {
  run("CREATE TABLE a (id int PRIMARY KEY, m interval); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub");
  const auto oid = [&](const std::string& name) {
    return static_cast<RelationOid>(std::stoul(server_.run("SELECT '" + name + "'::regclass::oid", database_)));
  };
  std::atomic<int> woken = 0;
  CatalogWatcher watcher(server_.options(database_), scan_options(), {}, "", std::chrono::milliseconds(50), [&woken] { ++woken; });
  ASSERT_TRUE(watcher.try_request(oid("b"), {}));
  ASSERT_TRUE(watcher.try_request(1, {}));
  ASSERT_TRUE(watcher.try_request(oid("a"), {pg_oid::kUuid, 4294967295U}));
  const auto b = wait_for([&] { return watcher.try_take_answer(); });
  const auto none = wait_for([&] { return watcher.try_take_answer(); });
  const auto a = wait_for([&] { return watcher.try_take_answer(); });
  ASSERT_TRUE(b && none && a);
  EXPECT_EQ((*b->table)->name.table, "b");
  ASSERT_TRUE(none->table);
  EXPECT_FALSE(*none->table);
  EXPECT_EQ((*a->table)->columns[1].type->oid, pg_oid::kInterval);
  ASSERT_EQ((*a->table)->types.size(), 1U);
  EXPECT_EQ((*a->table)->types[0]->oid, pg_oid::kUuid);
  EXPECT_GT(woken, 0);

  EXPECT_TRUE(wait_for([&] { return watcher.try_take_change(); }));
  EXPECT_FALSE(watcher.first_look_taken());
  EXPECT_TRUE(wait_for([&] { return watcher.try_take_change(); }));
  EXPECT_FALSE(watcher.first_look_taken());
  const auto remembered = wait_for([&] { return watcher.try_take_change(); });
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->kind, CatalogChange::Kind::remember);
  EXPECT_TRUE(watcher.first_look_taken());
  run("CREATE TABLE c (id int PRIMARY KEY)");
  const auto c = wait_for([&] { return watcher.try_take_change(); });
  ASSERT_TRUE(c);
  EXPECT_EQ(c->table.name.table, "c");
}

TEST_F(CatalogScanTest, a_watcher_at_rest_is_told_by_the_one_that_reads) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub");
  const SystemClock clock;
  CatalogScanOptions options = scan_options();
  options.cache = std::make_shared<SchemaCache>(clock);
  std::optional<CatalogWatcher> reader(std::in_place, server_.options(database_), options, std::vector<FollowedTable>{}, "",
                                       std::chrono::milliseconds(20), [] {});
  CatalogWatcher resting(server_.options(database_), options, {}, "", std::chrono::hours(1), [] {});
  const auto finds = [&](const std::string& table) {
    return wait_for([&]() -> std::optional<bool> {
             while (const auto change = resting.try_take_change()) {
               if (change->table.name.table == table) return true;
             }
             return std::nullopt;
           })
        .has_value();
  };
  EXPECT_TRUE(finds("a")) << "its own first look";
  run("CREATE TABLE b (id int PRIMARY KEY)");
  EXPECT_TRUE(finds("b"));
  reader.reset();
  run("CREATE TABLE c (id int PRIMARY KEY)");
  CatalogWatcher third(server_.options(database_), options, {}, "", std::chrono::milliseconds(20), [] {});
  EXPECT_TRUE(finds("c"));
}

TEST_F(CatalogScanTest, a_slow_first_look_does_not_make_the_rests_long) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a");
  const SystemClock clock;
  CatalogScanOptions options = scan_options();
  options.cache = std::make_shared<SchemaCache>(clock);
  const SchemaCache::Member reader(*options.cache, [](SchemaCache::Member::When) {});
  const auto read = [&] { return options.cache->version(sql_, Duration{0}, {}).has_value(); };
  ASSERT_TRUE(read());
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE pg_enum IN ACCESS EXCLUSIVE MODE"));
  CatalogWatcher resting(server_.options(database_), options, {}, "", std::chrono::milliseconds(100), [] {});
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  ASSERT_TRUE(locker.exec("ROLLBACK"));
  ASSERT_TRUE(wait_for([&] { return resting.try_take_change(); }));
  const auto looks_again = [&] {
    const Lsn before = resting.publication_seen();
    return wait_for([&] {
      run("SELECT pg_logical_emit_message(false, 'test', '')");
      return read() && resting.publication_seen() > before;
    });
  };
  ASSERT_TRUE(looks_again()) << "in twenty times what the first one took";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(looks_again());
  EXPECT_TRUE(looks_again());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6)) << "half a second each is meant";
}

/// Nothing grows old by it, and whatever was told was told a moment ago.
struct StoppedClock final : Clock {
  Instant now() const override { return {1'000'000}; }
  PgTimestamp wall_now() const override { return {}; }
};

TEST_F(CatalogScanTest, a_watcher_at_rest_looks_within_an_interval_of_becoming_the_reader) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a");
  const StoppedClock clock;
  CatalogScanOptions options = scan_options();
  options.cache = std::make_shared<SchemaCache>(clock);
  const SchemaCache::Member first(*options.cache, [](SchemaCache::Member::When) {});
  const SchemaCache::Member second(*options.cache, [](SchemaCache::Member::When) {});
  CatalogWatcher watcher(server_.options(database_), options, {}, "", std::chrono::seconds(1), [] {});
  ASSERT_TRUE(wait_for([&] { return watcher.try_take_change(); }));
  const auto counters = [&] { return options.cache->counters(); };
  const auto comes_to_rest = [&, before = counters().hits] { return wait_for([&] { return counters().hits > before; }); };
  ASSERT_TRUE(comes_to_rest());

  std::uint64_t reads = counters().misses;
  first.could_not_read();
  ASSERT_TRUE(wait_for([&] { return counters().misses > reads; })) << "it is told, and does not take what was read before";
  const std::uint64_t hits = counters().hits;
  ASSERT_TRUE(wait_for([&] { return counters().hits > hits; })) << "at rest again";
  reads = counters().misses;
  const auto begin = std::chrono::steady_clock::now();
  second.could_not_read();
  EXPECT_TRUE(wait_for([&] { return counters().misses > reads; })) << "nobody else reads now";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "its rest is five";
}

TEST_F(CatalogScanTest, a_reader_that_is_stopped_has_not_failed) {
  run("CREATE PUBLICATION pub");
  const SystemClock clock;
  CatalogScanOptions options = scan_options();
  options.cache = std::make_shared<SchemaCache>(clock);
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE pg_enum IN ACCESS EXCLUSIVE MODE"));
  std::optional<CatalogWatcher> reader(std::in_place, server_.options(database_), options, std::vector<FollowedTable>{}, "", std::chrono::hours(1),
                                       [] {});
  std::atomic<int> told_second = 0, told_third = 0;
  const SchemaCache::Member second(*options.cache, [&](SchemaCache::Member::When) { ++told_second; });
  const SchemaCache::Member third(*options.cache, [&](SchemaCache::Member::When) { ++told_third; });
  ASSERT_TRUE(wait_for([&] { return options.cache->counters().misses > 0; }));
  reader.reset();
  EXPECT_TRUE(second.is_reader());
  EXPECT_EQ(told_second, 1) << "whose turn it is now";
  EXPECT_EQ(told_third, 0) << "nothing says that the server has gone";
  ASSERT_TRUE(locker.exec("ROLLBACK"));
}

TEST_F(CatalogScanTest, the_watcher_survives_a_lost_session) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub");
  CatalogWatcher watcher(server_.options(database_), scan_options(), {}, "", std::chrono::milliseconds(50), [] {});
  ASSERT_TRUE(wait_for([&] { return watcher.try_take_change(); }));
  ASSERT_TRUE(wait_for([&] { return watcher.try_take_change(); }));
  run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'luge/test' AND datname = current_database() AND pid <> "
      "pg_backend_pid()");
  run("CREATE TABLE b (id int PRIMARY KEY)");
  const auto b = wait_for([&] { return watcher.try_take_change(); });
  ASSERT_TRUE(b);
  EXPECT_EQ(b->table.name.table, "b");
}

TEST(CatalogWatcherWithoutServer, answers_with_an_error_and_ends_at_once) {
  auto nowhere = ConnectionOptions::parse("host=127.0.0.1 port=1 dbname=x user=x", "test");
  CatalogWatcher watcher(*nowhere, {"pub", false, [](const TableName&) { return true; }, false}, {}, "", std::chrono::milliseconds(10), [] {});
  ASSERT_TRUE(watcher.try_request(5, {}));
  const auto answer = wait_for([&] { return watcher.try_take_answer(); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->oid, 5U);
  ASSERT_FALSE(answer->table);
  EXPECT_EQ(answer->table.error().recovery, Recovery::reconnect);
  EXPECT_FALSE(watcher.first_look_taken());
}

TEST(CatalogWatcherWithoutServer, one_alone_asks_once_an_interval) {
  auto nowhere = ConnectionOptions::parse("host=127.0.0.1 port=1 dbname=x user=x", "test");
  const SystemClock clock;
  CatalogScanOptions options{"pub", false, [](const TableName&) { return true; }, false};
  options.cache = std::make_shared<SchemaCache>(clock);
  std::atomic<int> looks = 0;
  CatalogWatcher watcher(*nowhere, options, {}, "", std::chrono::hours(1), [&looks] { ++looks; });
  ASSERT_TRUE(wait_for([&] { return looks > 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(looks, 1) << "it told itself that it could not read";
}

}  // namespace
}  // namespace luge
