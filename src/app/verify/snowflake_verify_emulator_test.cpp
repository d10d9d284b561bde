#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "app/offline_mirror.h"
#include "app/option_table.h"
#include "app/pipeline_host.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/verify/verify_service.h"
#include "support/snowflake_emulator.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

/// A whole pipeline of the test's own, from a database of the shared server into the emulator.
struct SnowflakeVerifyTest : testing::Test {
  SnowflakeVerifyTest() {
    std::string made = (std::filesystem::temp_directory_path() / "luge-verify-XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    directory = made;
    database = server.create_database();
    schema = "S_" + std::to_string(++schemas);
    emulator.sql("CREATE SCHEMA " + schema);
    SnowflakeOptions& section = options.snowflake.emplace();
    section.url = emulator.url();
    section.account = emulator.account();
    section.user = emulator.user();
    section.private_key_file = emulator.private_key_file();
    section.database = emulator.database();
    section.schema = schema;
    section.warehouse = "WH";
    section.transport = SnowflakeOptions::Transport::rest;
    section.merge_interval = std::chrono::seconds(1);
  }
  ~SnowflakeVerifyTest() override {
    stop();
    host.reset();
    server.drop_slot("luge_verify");
    std::filesystem::remove_all(directory);
  }

  void sql(const std::string& text) { server.run(text, database); }

  PipelinePlaces places() {
    options.destination = "snowflake:";
    options.pipeline = "verify";
    options.state = "sqlite:" + directory + "/state.db";
    const auto found = find_places(options, [this](const std::string& name) -> std::optional<std::string> {
      return name == "XDG_STATE_HOME" ? std::optional(directory) : std::nullopt;
    });
    EXPECT_TRUE(found) << found.error().message();
    return found ? *found : PipelinePlaces{};
  }
  void start() {
    ended_ = false;
    auto opened = PipelineHost::open(options, places(), TableSelection(), server.options(database));
    ASSERT_TRUE(opened) << opened.error().message();
    host = std::move(*opened);
    pipeline = std::jthread([this] {
      const Status ended = host->run();
      EXPECT_TRUE(ended) << ended.error().message();
      ended_ = true;
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (host->driver().status().state != "live" && !ended_) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "not live";
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void stop() {
    if (!host || !pipeline.joinable()) return;
    host->driver().request_drain();
    pipeline.join();
  }
  VerifyReport report() {
    auto compared = verify_host(*host, "", 10, [](const TableName&) {});
    EXPECT_TRUE(compared) << compared.error().message();
    return compared ? *compared : VerifyReport{};
  }

  static inline int schemas = 0;
  TempPostgres& server = TempPostgres::shared();
  SnowflakeEmulator& emulator = SnowflakeEmulator::shared();
  Options options = default_options();
  std::string directory;
  std::string database;
  std::string schema;
  std::unique_ptr<PipelineHost> host;
  std::atomic<bool> ended_{false};
  std::jthread pipeline;
};

constexpr const char* kTypes = R"(
  CREATE DOMAIN stamp AS timestamp;
  CREATE TYPE pair AS (a int, b text);
  CREATE TABLE types (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(5,5), m numeric(7,2), nn numeric, t text, c char(5), bin bytea,
    d date, ti time, tz timetz, ts timestamp, tstz timestamptz, dom stamp, iv interval, u uuid, j json, jb jsonb, ia int[], ta text[], na numeric(4,2)[], tsa timestamp[],
    fa float8[], o oid, mo money, net inet, pr pair, bt bit(3), "q"" q" text);
  INSERT INTO types VALUES
    (1, true, -32768, -9223372036854775808, 1.5, '-0', 0.5, -0.05, 1e100, 'å€', 'ab', '\xdeadbeef', '0001-01-01', '23:59:59.999999', '12:00:00+05:30:15', '0001-01-01 12:34:56.123456',
     '2001-02-03 04:05:06+00', '2001-02-03 04:05:06', '-10 mons -3 days 04:05:06.789', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1,  "b":1.50}', '{"b": [1,2, {"z y": null}]}', '{1,NULL,3}',
     '{"x","y, z",NULL,""}', '{1.10,NULL,-0.50}', '{"2001-02-03 04:05:06.7"}', '{NaN,-0,1e-300,0.1}', 4294967295, '12.50', '10.0.0.1/8', '(1,"x")', '101', 'q'),
    (2, null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null),
    (3, false, 32767, 9223372036854775807, 'nan', 'infinity', -0.00012, 99999.99, 'NaN', repeat('x', 70000), '', '', '9999-12-31', '00:00', '23:59:59.999999-15:59',
     '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', '1969-12-31 23:59:59.999999', '1 year 25:00:00', '00000000-0000-0000-0000-000000000000', '1', '[null]', '{}', '{}', '{}', '{}', '{}',
     0, '-1.00', '::1', '(,)', '000', ''),
    (4, true, 0, 0, 3.4028235e38, 5e-324, 0, 0, 0.000000000000000000001, E'line\nend', '     ', '\x00', '2000-01-01', '12:34:56.000001', '00:00+00', '2000-01-01', '2000-01-01 00:00+00',
     '2000-02-29', '-178000000 years', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '12345678901234567890', '{-1}', '{NULL}', '{0.00}', '{"1999-12-31 23:59:59.999999"}', '{infinity}', 1, '0', '1.2.3.4',
     '(1,)', '111', '"');)";

TEST_F(SnowflakeVerifyTest, EveryTypeIsTheSameOnBothSidesThroughCopyAndStream) {
  sql(kTypes);
  sql("CREATE TABLE keyless (a int, b text); ALTER TABLE keyless REPLICA IDENTITY FULL; INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, NULL)");
  sql("CREATE TABLE none (id int PRIMARY KEY)");
  start();
  sql("CREATE TEMP TABLE again AS SELECT * FROM types; UPDATE again SET id = id + 10; INSERT INTO types SELECT * FROM again");
  sql("INSERT INTO keyless VALUES (2, NULL); DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless)");
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
  ASSERT_EQ(found.tables.size(), 3U) << to_text(found);
  for (const TableComparison& table : found.tables)
    EXPECT_EQ(table.mirror.rows, table.name.table == "types" ? 8U : table.name.table == "keyless" ? 3U : 0U) << table.name.table;
}

TEST_F(SnowflakeVerifyTest, WhatSomebodyChangedInSnowflakeIsNamed) {
  options.snowflake->soft_delete = true;
  sql("CREATE TABLE orders (id int PRIMARY KEY, v float8); INSERT INTO orders SELECT i, i / 7.0 FROM generate_series(1, 500) i");
  start();
  sql("DELETE FROM orders WHERE id = 400; UPDATE orders SET v = v + 1 WHERE id < 10");
  EXPECT_EQ(report().exit_code(), ExitCode::done);
  emulator.sql("UPDATE " + schema + ".ORDERS SET V = V + 0.000001 WHERE ID = 17; DELETE FROM " + schema + ".ORDERS WHERE ID = 18");
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::difference);
  ASSERT_EQ(found.tables.size(), 1U);
  ASSERT_EQ(found.tables[0].differences.size(), 2U) << to_text(found);
}

TEST_F(SnowflakeVerifyTest, WhatIsNotComparedIsNamed) {
  sql("CREATE TABLE kept (id int PRIMARY KEY); CREATE TABLE away (id int PRIMARY KEY); INSERT INTO away VALUES (1)");
  start();
  sql("ALTER PUBLICATION luge_verify DROP TABLE away");
  const auto is_dropped = [](const TableStatus& table) { return table.record.state == TableState::dropped; };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::ranges::none_of(host->driver().status().pipeline.tables, is_dropped) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::operator_decision) << to_text(found);
  ASSERT_EQ(found.tables.size(), 2U) << to_text(found);
  EXPECT_EQ(found.tables[0].name.table, "away");
  EXPECT_EQ(found.tables[0].outcome, TableComparison::Outcome::not_compared);
  EXPECT_EQ(found.tables[1].outcome, TableComparison::Outcome::equal);
}

TEST_F(SnowflakeVerifyTest, ATableIsCopiedAgainThoughNobodyRanWhenItWasAskedFor) {
  sql("CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT i, 'v' || i FROM generate_series(1, 100) i");
  start();
  EXPECT_EQ(report().exit_code(), ExitCode::done);
  const Attempt before = host->driver().status().pipeline.tables.front().record.attempt;
  stop();
  host.reset();
  emulator.sql("UPDATE " + schema + ".ORDERS SET V = 'wrong' WHERE ID = 17");
  sql("INSERT INTO orders VALUES (101, 'while nobody runs')");
  {
    auto mirror = OfflineMirror::open(options, places());
    ASSERT_TRUE(mirror) << mirror.error().message();
    const Status asked = (*mirror)->resync({{"public", "orders"}});
    ASSERT_TRUE(asked) << asked.error().message();
  }
  {
    auto mirror = OfflineMirror::open(options, places());
    ASSERT_TRUE(mirror) << mirror.error().message();
    ASSERT_EQ((*mirror)->frontier().tables.size(), 1U);
    EXPECT_EQ((*mirror)->frontier().tables.front().state, TableState::resyncing);
    EXPECT_EQ((*mirror)->frontier().tables.front().attempt, before + 1);
  }
  start();
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
  EXPECT_EQ(found.tables.front().mirror.rows, 101U);
}

TEST_F(SnowflakeVerifyTest, AViewIsComparedToo) {
  options.snowflake->current_state = SnowflakeOptions::CurrentState::view;
  sql("CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT i, 'v' || i FROM generate_series(1, 100) i");
  start();
  sql("DELETE FROM orders WHERE id = 40; UPDATE orders SET v = 'w' WHERE id < 10; INSERT INTO orders VALUES (1000, NULL)");
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
}

}  // namespace
}  // namespace luge
