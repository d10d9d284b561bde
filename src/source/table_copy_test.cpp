#include "source/table_copy.h"

#include <atomic>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <thread>

#include "source/catalog_reader.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::uint32_t big_endian(std::string_view bytes, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// Rows of COPY binary as "a|b|NULL", fields as they come.
std::vector<std::string> read_rows(Connection& sql, const std::string& command) {
  std::vector<std::string> rows;
  Status started = sql.start_copy_out(command);
  EXPECT_TRUE(started) << (started ? "" : started.error().message()) << command;
  std::string bytes;
  while (started) {
    const auto data = sql.next_copy_data();
    EXPECT_TRUE(data) << data.error().message();
    if (!data || !*data) break;
    bytes += **data;
  }
  std::string_view rest = std::string_view(bytes).substr(std::min<std::size_t>(19, bytes.size()));
  while (rest.size() > 2) {
    std::string row;
    const std::uint32_t fields = big_endian(rest, 2);
    rest.remove_prefix(2);
    for (std::uint32_t i = 0; i < fields; ++i) {
      const auto length = static_cast<std::int32_t>(big_endian(rest, 4));
      rest.remove_prefix(4);
      row += (i == 0 ? "" : "|") + (length < 0 ? std::string("NULL") : std::string(rest.substr(0, static_cast<std::size_t>(length))));
      if (length > 0) rest.remove_prefix(static_cast<std::size_t>(length));
    }
    rows.push_back(row);
  }
  return rows;
}

class TableCopyTest : public testing::Test {
 protected:
  TableCopyTest() : database_(server_.create_database()), sql_(server_.connect(database_)) {}
  void run(const std::string& sql) { server_.run(sql, database_); }
  RelationOid oid(const std::string& table) {
    return static_cast<RelationOid>(std::stoul(server_.run("SELECT '" + table + "'::regclass::oid", database_)));
  }
  Result<TableCopy> open(const std::string& table) { return TableCopy::open(server_.connect(database_), oid(table), "pub", {}); }
  /// Every row of `columns`, all as text, range after range.
  std::vector<std::string> copy_all(TableCopy& copy, const std::vector<std::string>& columns, std::uint64_t range_bytes) {
    std::vector<CopyColumn> selected;
    for (const std::string& name : columns) selected.push_back({name, true});
    auto ranges = copy.plan(range_bytes);
    EXPECT_TRUE(ranges) << ranges.error().message();
    std::vector<std::string> all;
    for (const CopyRange& range : *ranges) {
      for (std::string& row : read_rows(copy.session(), copy.copy_command(range, selected))) all.push_back(std::move(row));
    }
    ranges_ = ranges->size();
    return all;
  }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  Connection sql_;
  std::size_t ranges_ = 0;
};

TEST_F(TableCopyTest, ranges_cover_every_row_once) {
  run("CREATE TABLE t (id int PRIMARY KEY, pad text); INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g; DELETE FROM t WHERE "
      "id % 3 = 0");
  auto copy = open("t");
  ASSERT_TRUE(copy) << copy.error().message();
  const auto rows = copy_all(*copy, {"id"}, 64 << 10);
  EXPECT_GT(ranges_, 10U);
  EXPECT_EQ(rows.size(), 3334U);
  EXPECT_EQ(std::set<std::string>(rows.begin(), rows.end()).size(), 3334U);
  EXPECT_TRUE(copy->finish());
}

TEST_F(TableCopyTest, bytes_that_are_no_text_come_as_they_are) {
  database_ = "bytes_" + database_;
  server_.run("CREATE DATABASE " + database_ + " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  run("CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, E'\\xff\\xfe'), (2, E'Gr\\xc3\\xbc\\xc3\\x9fe')");
  auto copy = open("t");
  ASSERT_TRUE(copy) << copy.error().message();
  EXPECT_THAT(copy_all(*copy, {"note"}, 1 << 20), UnorderedElementsAre("\xff\xfe",
                                                                       "Gr\xc3\xbc\xc3\x9f"
                                                                       "e"));
}

TEST_F(TableCopyTest, an_empty_table_is_one_empty_range) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  auto copy = open("t");
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy_all(*copy, {"id"}, 1 << 20).empty());
  EXPECT_EQ(ranges_, 1U);
}

TEST_F(TableCopyTest, partitions_are_read_one_by_one_with_filter_of_the_root) {
  run("CREATE TABLE \"P q\" (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE \"1\" PARTITION OF \"P q\" FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE sub PARTITION OF \"P q\" FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id); CREATE TABLE leaf (n int, id int NOT NULL PRIMARY "
      "KEY);"
      "ALTER TABLE sub ATTACH PARTITION leaf DEFAULT; INSERT INTO \"P q\" VALUES (1, 1), (2, 0), (11, 5), (12, 0);"
      "CREATE PUBLICATION pub FOR TABLE \"P q\" WHERE (n > 0) WITH (publish_via_partition_root = true)");
  auto copy = open("\"P q\"");
  ASSERT_TRUE(copy) << copy.error().message();
  EXPECT_THAT(copy_all(*copy, {"id", "n"}, 1 << 20), UnorderedElementsAre("1|1", "11|5"));
  EXPECT_EQ(ranges_, 2U);
}

TEST_F(TableCopyTest, text_columns_are_the_types_own_output_with_null_kept) {
  run("CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('it''s'); CREATE DOMAIN word AS text;"
      "CREATE TABLE t (id int, i inet, c char(4), p pair, q pair, l int[], m mood, j jsonb, n numeric, w word, e text, z text, b bytea, d "
      "timestamptz);"
      "INSERT INTO t VALUES (1, '10.0.0.1', 'ab', ROW(NULL, NULL), NULL, '{1,NULL}', 'it''s', '{\"a\": 1e400}', 'NaN', 'w', '', NULL, '\\x00ff', "
      "'2020-01-01 00:00Z')");
  auto copy = open("t");
  ASSERT_TRUE(copy);
  EXPECT_THAT(copy_all(*copy, {"i", "c", "p", "q", "l", "m", "n", "w", "e", "z", "b", "d"}, 1 << 20),
              UnorderedElementsAre("10.0.0.1|ab  |(,)|NULL|{1,NULL}|it's|NaN|w||NULL|\\x00ff|2020-01-01 00:00:00+00"));
}

TEST_F(TableCopyTest, several_sessions_read_one_snapshot_under_concurrent_writers) {
  run("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 3000) g");
  std::atomic<bool> done = false;
  std::vector<std::jthread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      Connection sql = server_.connect(database_);
      for (int i = 0; !done; ++i) {
        // moves rows to other blocks, keeps the sum of n
        ASSERT_TRUE(sql.exec("BEGIN"));
        ASSERT_TRUE(sql.exec("UPDATE public.t SET n = n + 1 WHERE id = " + std::to_string(1 + (w * 1500 + i) % 3000)));
        ASSERT_TRUE(sql.exec("UPDATE public.t SET n = n - 1 WHERE id = " + std::to_string(1 + (w * 1500 + i * 7) % 3000)));
        ASSERT_TRUE(sql.exec(i % 10 == 0 ? "ROLLBACK" : "COMMIT"));
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  for (int round = 0; round < 5; ++round) {
    auto copy = open("t");
    ASSERT_TRUE(copy) << copy.error().message();
    auto other = join_snapshot(server_.options(database_), *copy, {});
    ASSERT_TRUE(other) << other.error().message();
    const auto ranges = copy->plan(32 << 10);
    ASSERT_TRUE(ranges && ranges->size() > 2);
    std::map<std::string, int> seen;
    long sum = 0;
    for (std::size_t i = 0; i < ranges->size(); ++i) {
      Connection& session = i % 2 == 0 ? copy->session() : *other;
      for (const std::string& row : read_rows(session, copy->copy_command((*ranges)[i], {{"id", true}, {"n", true}}))) {
        ++seen[row.substr(0, row.find('|'))];
        sum += std::stol(row.substr(row.find('|') + 1));
      }
    }
    EXPECT_EQ(seen.size(), 3000U);
    EXPECT_EQ(sum, 0);
    for (const auto& [id, times] : seen) ASSERT_EQ(times, 1) << id;
  }
  done = true;
}

TEST_F(TableCopyTest, the_snapshot_is_taken_under_the_lock) {
  run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  auto copy = open("t");
  ASSERT_TRUE(copy);
  Connection other = server_.connect(database_);
  ASSERT_TRUE(other.exec("SET lock_timeout = '100ms'"));
  EXPECT_EQ(other.exec("TRUNCATE public.t").error().code, "55P03");
  EXPECT_EQ(copy_all(*copy, {"id"}, 1 << 20).size(), 1U);
  ASSERT_TRUE(copy->finish());
  EXPECT_TRUE(other.exec("TRUNCATE public.t"));
}

TEST_F(TableCopyTest, a_lock_that_takes_longer_than_the_timeout_is_waited_for) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE public.t"));
  ASSERT_TRUE(locker.exec("INSERT INTO public.t VALUES (7)"));
  Connection impatient = server_.connect(database_);
  ASSERT_TRUE(impatient.exec("SET lock_timeout = '50ms'"));
  std::jthread release([&locker] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_TRUE(locker.exec("COMMIT"));
  });
  auto copy = TableCopy::open(std::move(impatient), oid("t"), "pub", {});
  ASSERT_TRUE(copy) << copy.error().message();
  EXPECT_EQ(copy_all(*copy, {"id"}, 1 << 20).size(), 1U) << "the snapshot is younger than the lock";

  std::stop_source stopped;
  stopped.request_stop();
  release.join();
  ASSERT_TRUE(copy->finish());
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE public.t"));
  Connection again = server_.connect(database_);
  ASSERT_TRUE(again.exec("SET lock_timeout = '50ms'"));
  EXPECT_EQ(TableCopy::open(std::move(again), oid("t"), "pub", stopped.get_token()).error().code, "55P03");
}

TEST_F(TableCopyTest, a_table_that_goes_while_its_lock_is_waited_for_is_gone) {
  for (const std::string change : {"DROP TABLE public.t", "ALTER TABLE public.t RENAME TO other", "DROP SCHEMA s CASCADE"}) {
    run("DROP TABLE IF EXISTS t, other; CREATE TABLE t (id int PRIMARY KEY); DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s; CREATE TABLE s.t (id "
        "int PRIMARY KEY)");
    const std::string name = change.starts_with("DROP SCHEMA") ? "s.t" : "public.t";
    Connection locker = server_.connect(database_);
    ASSERT_TRUE(locker.exec("BEGIN"));
    ASSERT_TRUE(locker.exec("LOCK TABLE " + name));
    std::jthread release([&] {
      while (server_.run("SELECT count(*) FROM pg_locks WHERE NOT granted", database_) == "0")
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      EXPECT_TRUE(locker.exec(change));
      EXPECT_TRUE(locker.exec("COMMIT"));
    });
    const auto copy = open(name);
    ASSERT_FALSE(copy) << change;
    EXPECT_EQ(copy.error().code, "gone") << change << ": " << copy.error().message();
    EXPECT_EQ(copy.error().recovery, Recovery::retry) << change;
  }
}

TEST_F(TableCopyTest, a_helper_does_not_queue_behind_somebody_who_waits_for_the_copy) {
  run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  auto copy = open("t");
  ASSERT_TRUE(copy);
  std::jthread altering([&] {
    Connection sql = server_.connect(database_);
    EXPECT_TRUE(sql.exec("ALTER TABLE public.t ADD n int"));
  });
  while (server_.run("SELECT count(*) FROM pg_locks WHERE NOT granted", database_) == "0") std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto helper = join_snapshot(server_.options(database_), *copy, {});
  ASSERT_FALSE(helper);
  EXPECT_EQ(helper.error().code, "55P03");
  EXPECT_EQ(helper.error().recovery, Recovery::retry);
  EXPECT_EQ(copy_all(*copy, {"id"}, 1 << 20).size(), 1U) << "the first session has its lock";
  ASSERT_TRUE(copy->finish());
}

TEST_F(TableCopyTest, row_security_and_missing_rights_stop_the_table_with_the_grant) {
  const std::string role = "reader_" + database_;
  run("CREATE ROLE " + role +
      " LOGIN; CREATE SCHEMA s; CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; GRANT SELECT ON hidden TO " +
      role +
      "; CREATE TABLE s.secret (id int PRIMARY KEY); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p "
      "DEFAULT; INSERT INTO p VALUES (1);"
      "GRANT SELECT ON p TO " +
      role);
  const auto as_reader = [&](const std::string& table) {
    return TableCopy::open(*Connection::open(server_.options(database_, role)), oid(table), "pub", {});
  };
  const auto hidden = as_reader("hidden");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().recovery, Recovery::quarantine_table);
  EXPECT_THAT(hidden.error().hint, HasSubstr("ALTER ROLE " + role + " BYPASSRLS;"));
  const auto secret = as_reader("s.secret");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, "42501");
  EXPECT_THAT(secret.error().hint, HasSubstr("GRANT USAGE ON SCHEMA \"s\" TO " + role + "; GRANT SELECT ON \"s\".\"secret\" TO " + role + ";"));
  auto partitioned = as_reader("p");
  ASSERT_TRUE(partitioned) << partitioned.error().message();
  EXPECT_EQ(copy_all(*partitioned, {"id"}, 1 << 20).size(), 1U) << "rights on the root suffice";
}

TEST_F(TableCopyTest, an_unreadable_leaf_beside_a_foreign_one_stops_the_table_with_the_grant) {
  const std::string role = "half_reader_" + database_;
  run("CREATE ROLE " + role +
      " LOGIN; CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;"
      "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
      "CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) SERVER elsewhere; INSERT INTO p VALUES (1); GRANT SELECT ON p TO " +
      role);
  auto copy = TableCopy::open(*Connection::open(server_.options(database_, role)), oid("p"), "pub", {});
  ASSERT_TRUE(copy) << copy.error().message();
  const auto ranges = copy->plan(1 << 20);
  ASSERT_FALSE(ranges);
  EXPECT_EQ(ranges.error().code, "42501");
  EXPECT_EQ(ranges.error().recovery, Recovery::quarantine_table);
  EXPECT_THAT(ranges.error().hint, HasSubstr("GRANT SELECT ON \"public\".\"p1\" TO " + role));
  run("GRANT SELECT ON p1 TO " + role);
  auto again = TableCopy::open(*Connection::open(server_.options(database_, role)), oid("p"), "pub", {});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(copy_all(*again, {"id"}, 1 << 20).size(), 1U);
}

TEST_F(TableCopyTest, waits_for_transactions_of_every_database_and_prepared_ones) {
  run("CREATE TABLE t (id int)");
  const std::string elsewhere = server_.create_database();
  server_.run("CREATE TABLE other (id int)", elsewhere);
  Connection writer = server_.connect(elsewhere);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.other VALUES (1)"));
  ASSERT_TRUE(writer.exec("PREPARE TRANSACTION 'old one'"));
  std::atomic<bool> over = false;
  std::jthread waiting([&] {
    Connection sql = server_.connect(database_);
    const Status waited = wait_for_old_transactions(sql, {}, [](const std::string&) {});
    EXPECT_TRUE(waited) << waited.error().message();
    over = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(over);
  Connection younger = server_.connect(database_);
  ASSERT_TRUE(younger.exec("BEGIN"));
  ASSERT_TRUE(younger.exec("INSERT INTO public.t VALUES (1)"));
  ASSERT_TRUE(writer.exec("COMMIT PREPARED 'old one'"));
  waiting.join();
  EXPECT_TRUE(over) << "transactions that began later are not waited for";
}

TEST_F(TableCopyTest, waiting_can_be_stopped) {
  run("CREATE TABLE t (id int)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (1)"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(wait_for_old_transactions(sql_, stop.get_token(), [](const std::string&) {}).error().code, "57014");
}

TEST_F(TableCopyTest, is_settled_once_nobody_older_runs) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (1)"));
  run("INSERT INTO t VALUES (2)");  // ends later than the writer began, so the snapshot's xmax is above it
  auto copy = open("t");
  ASSERT_TRUE(copy);
  const Snapshot snapshot = copy->snapshot();
  ASSERT_TRUE(copy->finish());
  const auto early = settled_position(sql_, snapshot);
  ASSERT_TRUE(early);
  EXPECT_FALSE(*early);
  ASSERT_TRUE(writer.exec("COMMIT"));
  const auto settled = settled_position(sql_, snapshot);
  ASSERT_TRUE(settled && *settled);
  EXPECT_FALSE((*settled)->is_zero());
  EXPECT_EQ(snapshot.timeline, 1U);
  Snapshot elsewhere = snapshot;
  elsewhere.timeline = 2;
  const auto never = settled_position(sql_, elsewhere);
  ASSERT_TRUE(never);
  EXPECT_FALSE(*never) << "xids of another timeline's snapshot say nothing here";
}

TEST_F(TableCopyTest, a_dropped_table_is_gone) {
  const auto copy = TableCopy::open(server_.connect(database_), 1, "pub", {});
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, "gone");
  EXPECT_EQ(copy.error().recovery, Recovery::retry);
}

}  // namespace
}  // namespace luge
