#include "app/verify/verify.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "app/option_table.h"
#include "app/pipeline_host.h"
#include "app/verify/table_comparison.h"
#include "app/verify/verify_service.h"
#include "source/catalog_reader.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

/// A pipeline of the test's own from a database of the shared server into a new DuckDB file.
struct VerifyTest : testing::Test {
  VerifyTest() {
    std::string made = (std::filesystem::temp_directory_path() / "luge-verify-XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    directory = made;
    database = server.create_database();
  }
  ~VerifyTest() override {
    stop();
    host.reset();
    server.drop_slot("luge_verify");
    std::filesystem::remove_all(directory);
  }

  void sql(const std::string& text) { server.run(text, database); }

  void start() {
    Options options = default_options();
    options.destination = "duckdb:" + directory + "/m.duckdb";
    options.pipeline = "verify";
    const auto places = find_places(options, process_environment());
    ASSERT_TRUE(places);
    auto opened = PipelineHost::open(options, *places, TableSelection(), server.options(database));
    ASSERT_TRUE(opened) << opened.error().message();
    host = std::move(*opened);
    pipeline = std::jthread([this] {
      const Status ended = host->run();
      EXPECT_TRUE(ended) << ended.error().message();
      ended_ = true;
    });
    wait_for("live");
  }
  void wait_for(const std::string& state) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (host->driver().status().state != state && !ended_) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "not " << state;
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

  TempPostgres& server = TempPostgres::shared();
  std::string directory;
  std::string database;
  std::unique_ptr<PipelineHost> host;
  std::atomic<bool> ended_{false};
  std::jthread pipeline;
};

constexpr const char* kTypes = R"(
  CREATE DOMAIN stamp AS timestamp;
  CREATE DOMAIN tags AS text[];
  CREATE TYPE pair AS (a int, b text);
  CREATE TABLE types (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(5,5), m numeric(7,2), nn numeric, t text, c char(5), v varchar, bin bytea,
    d date, ti time, tz timetz, ts timestamp, tstz timestamptz, dom stamp, iv interval, u uuid, j json, jb jsonb, ia int[], ta text[], na numeric(4,2)[], tsa timestamp[],
    fa float8[], dt tags, o oid, x xid, mo money, net inet, pr pair, bt bit(3), "q"" q" text);
  INSERT INTO types VALUES
    (1, true, -32768, -9223372036854775808, 1.5, '-0', 0.5, -0.05, 1e100, 'å€', 'ab', '', '\xdeadbeef', '4713-01-01 BC', '24:00', '12:00:00+05:30:15', '0044-03-15 12:34:56.123456 BC',
     'infinity', '2001-02-03 04:05:06', '-10 mons -3 days 04:05:06.789', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1,  "a":2}', '{"b": [1,2]}', '{1,NULL,3}',
     '{"x","y, z",NULL,""}', '{1.10,NULL,-0.50}', '{infinity,"2001-02-03 04:05:06.7"}', '{NaN,-0,1e-300}', '{a,b}', 4294967295, '77', '12.50', '10.0.0.1/8', '(1,"x")', '101', 'q'),
    (2, null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null),
    (3, false, 32767, 9223372036854775807, 'nan', 'infinity', -0.00012, 99999.99, 'NaN', repeat('x', 70000), '', 'v', '', '-infinity', '00:00', '23:59:59.999999-15:59',
     '294200-12-31 23:59:59.999999', '-infinity', 'infinity', '1 year 25:00:00', '00000000-0000-0000-0000-000000000000', '1', 'null', '{}', '{}', '{}', '{}', '{}', '{}', 0, '0',
     '-1.00', '::1', '(,)', '000', ''),
    (4, true, 0, 0, 3.4028235e38, 5e-324, 0, 0, 0.000000000000000000001, E'line\nend', '     ', 'ends ', '\x00', '2000-01-01', '12:34:56.000001', '00:00+00', '2000-01-01', '2000-01-01 00:00+00',
     '-infinity', '-178000000 years', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '{}', '{-1}', '{NULL}', '{0.00}', '{"1999-12-31 23:59:59.999999"}', '{infinity}', '{}', 1, '1', '0', '1.2.3.4',
     '(1,)', '111', '"');)";

TEST_F(VerifyTest, EveryTypeIsTheSameOnBothSidesThroughCopyAndStream) {
  sql(kTypes);
  sql("CREATE TABLE keyless (a int, b text); ALTER TABLE keyless REPLICA IDENTITY FULL; INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, NULL)");
  sql("CREATE TABLE none (id int PRIMARY KEY)");
  sql("CREATE TABLE part (id int, r int, PRIMARY KEY (id, r)) PARTITION BY RANGE (r); CREATE TABLE p1 PARTITION OF part FOR VALUES FROM (0) TO (10); "
      "INSERT INTO part VALUES (1, 1), (2, 2)");
  start();
  sql("CREATE TEMP TABLE again AS SELECT * FROM types; UPDATE again SET id = id + 10; INSERT INTO types SELECT * FROM again");
  sql("INSERT INTO keyless VALUES (2, NULL); DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless); UPDATE part SET id = 7 WHERE id = 2");
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
  ASSERT_EQ(found.tables.size(), 4U) << to_text(found);
  for (const TableComparison& table : found.tables) {
    EXPECT_EQ(table.source.rows, table.name.table == "types" ? 8U : table.name.table == "keyless" ? 3U : table.name.table == "part" ? 2U : 0U);
  }
}

TEST_F(VerifyTest, EqualAtOneLsnWhileWritersGoOn) {
  sql("CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, n int); INSERT INTO a SELECT i, 0 FROM generate_series(1, "
      "200) i; INSERT INTO b SELECT i, 0 FROM generate_series(1, 200) i");
  start();
  std::jthread writer([&](const std::stop_token& stop) {
    Connection connection = server.connect(database);
    for (int i = 0; !stop.stop_requested(); ++i) {
      const std::string id = std::to_string(i % 200 + 1);
      EXPECT_TRUE(
          connection.exec("BEGIN; UPDATE public.a SET n = n + 1 WHERE id = " + id + "; UPDATE public.b SET n = n + 1 WHERE id = " + id + "; COMMIT"));
    }
  });
  std::shared_ptr<ReadHandle> reader;
  std::string rows;
  // A table is live a moment before the first reader that sees it.
  for (int attempt = 0; attempt < 200 && rows.empty(); ++attempt) {
    auto opened = host->driver().read();
    ASSERT_TRUE(opened);
    reader = *opened;
    const Status counted = reader->query(
        "SELECT count(*) FROM a", [](const auto&) {}, [&](const ReadHandle::Row& row) { rows = row[0].value_or(""); });  // no schema: public
    if (!counted) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(rows, "200");
  const Status copied = reader->write_file(directory + "/copy.duckdb");
  EXPECT_TRUE(copied) << copied.error().message();
  EXPECT_TRUE(std::filesystem::exists(directory + "/copy.duckdb") && !std::filesystem::exists(directory + "/copy.duckdb.new"));
  for (int round = 0; round < 3; ++round) {
    const VerifyReport found = report();
    EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
    EXPECT_EQ(found.tables.size(), 2U);
  }
}

TEST_F(VerifyTest, DifferencesAreNamedByTheirKeys) {
  // The source's table `good` is compared with the mirror of `bad`, which is the same but for four rows.
  sql("CREATE TABLE good (id int PRIMARY KEY, v text); INSERT INTO good SELECT i, 'v' || i FROM generate_series(1, 20000) i");
  sql("CREATE TABLE bad (id int PRIMARY KEY, v text); INSERT INTO bad SELECT * FROM good; DELETE FROM bad WHERE id IN (17, 19000); UPDATE bad SET v "
      "= NULL WHERE id = 5; INSERT INTO bad VALUES (70000, 'extra')");
  start();
  Connection source = server.connect(database);
  CatalogReader catalog(source, "luge_verify");
  auto tables = catalog.list_tables();
  ASSERT_TRUE(tables && tables->size() == 2);
  const auto reader = host->driver().read();
  ASSERT_TRUE(reader) << reader.error().message();
  ComparedTable table;
  table.source_relation = "public.good";
  table.mirror_relation = "public.bad";
  const CatalogTable& catalog_table = tables->front();
  table.columns = {{"id", "id", catalog_table.columns[0].type, {ValueKind::int32, 0, 0, nullptr}, true},
                   {"v", "v", catalog_table.columns[1].type, {ValueKind::text, 0, 0, nullptr}, false}};

  TableComparison result;
  ASSERT_TRUE(compare_table(source, **reader, table, 10, result));
  EXPECT_EQ(result.outcome, TableComparison::Outcome::different);
  EXPECT_EQ(result.source.rows, 20000U);
  EXPECT_EQ(result.mirror.rows, 19999U);
  std::map<std::string, RowDifference::Kind> named;
  for (const RowDifference& difference : result.differences) named[difference.key] = difference.kind;
  using Kind = RowDifference::Kind;
  EXPECT_EQ(named, (std::map<std::string, Kind>{
                       {"id=17", Kind::missing}, {"id=19000", Kind::missing}, {"id=5", Kind::different}, {"id=70000", Kind::extra}}));
  EXPECT_FALSE(result.more);

  TableComparison few;
  ASSERT_TRUE(compare_table(source, **reader, table, 2, few));
  EXPECT_EQ(few.differences.size(), 2U);
  EXPECT_TRUE(few.more);

  VerifyReport report;
  report.tables = {few};
  EXPECT_EQ(report.exit_code(), ExitCode::difference);
  const auto parsed = parse_verify_report(to_json(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_json(*parsed), to_json(report));
}

TEST_F(VerifyTest, ATruncateBeforeIsNoDifference) {
  sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT i FROM generate_series(1, 1000) i; CREATE TABLE u (id int PRIMARY KEY)");
  start();
  sql("TRUNCATE t");
  const VerifyReport found = report();
  EXPECT_EQ(found.exit_code(), ExitCode::done) << to_text(found);
}

}  // namespace
}  // namespace luge
