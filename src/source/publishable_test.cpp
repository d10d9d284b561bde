#include "source/publishable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/catalog_reader.h"
#include "source/publication.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;

/// Tables as a real server has them: what luge says before it publishes one, and what becomes of the application's UPDATE afterwards.
class PublishableTest : public testing::Test {
 protected:
  PublishableTest() : database_(server_.create_database()), sql_(server_.connect(database_)) {}

  void run(const std::string& sql) { server_.run(sql, database_); }
  std::optional<TableFinding> verdict() {
    auto tables = CatalogReader(sql_, "pub").list_tables();
    EXPECT_TRUE(tables) << tables.error().message();
    EXPECT_EQ(tables->size(), 1U);
    return against_publishing(tables->front(), sql_.server_version());
  }
  /// UPDATE and DELETE of the rows of t while it is published.
  bool changes_work() {
    EXPECT_TRUE(create_publication(sql_, "pub", {{"public", "t"}}));
    const bool updated = sql_.exec("UPDATE public.t SET v = v || '!'").has_value();
    const bool deleted = sql_.exec("DELETE FROM public.t").has_value();
    EXPECT_EQ(updated, deleted);
    EXPECT_TRUE(*drop_publication(sql_, "pub"));
    return updated;
  }
  void expect_publishable() {
    const auto obstacle = verdict();
    EXPECT_FALSE(obstacle) << obstacle->what;
    EXPECT_TRUE(changes_work());
  }
  /// luge leaves it out; `refused`: the server would fail the application's changes.
  TableFinding expect_left_out(bool refused = true) {
    const auto obstacle = verdict();
    EXPECT_TRUE(obstacle);
    EXPECT_EQ(changes_work(), !refused);
    return obstacle.value_or(TableFinding{});
  }
  int major() const { return sql_.server_version() / 10000; }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  Connection sql_;
};

TEST_F(PublishableTest, a_key_or_full_serves) {
  run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')");
  expect_publishable();
  run("ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1, 'x')");
  const TableFinding keyless = expect_left_out();
  EXPECT_EQ(keyless.kind, TableFinding::Kind::no_identity);
  EXPECT_EQ(keyless.fix, "ALTER TABLE \"public\".\"t\" ADD PRIMARY KEY (…); or: ALTER TABLE \"public\".\"t\" REPLICA IDENTITY FULL;");
  run("ALTER TABLE t REPLICA IDENTITY FULL");
  expect_publishable();
}

constexpr const char* kKeyless =
    "CREATE TABLE t (id int NOT NULL, v text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);"
    "CREATE TABLE \"t 21\" PARTITION OF t2 DEFAULT; INSERT INTO t VALUES (1, 'x'), (11, 'y');";
constexpr const char* kKeyed =
    "CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE t2 PARTITION OF t DEFAULT; INSERT INTO t VALUES (1, 'x'), (11, 'y');";

TEST_F(PublishableTest, a_partitions_own_identity_counts) {
  run(std::string(kKeyless) + "ALTER TABLE t REPLICA IDENTITY FULL");
  const TableFinding finding = expect_left_out();
  EXPECT_EQ(finding.kind, TableFinding::Kind::no_identity);
  EXPECT_THAT(finding.what, HasSubstr("public.t: the partition public.\"t 21\" and 1 more"));
  EXPECT_EQ(finding.fix, "ALTER TABLE \"public\".\"t 21\" REPLICA IDENTITY FULL;\nALTER TABLE \"public\".\"t1\" REPLICA IDENTITY FULL;");
  run(finding.fix);
  expect_publishable();
  run("CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (20) TO (30); INSERT INTO t VALUES (21, 'z')");
  EXPECT_EQ(expect_left_out().fix, "ALTER TABLE \"public\".\"t3\" REPLICA IDENTITY FULL;");
}

TEST_F(PublishableTest, a_partitioned_table_without_any_is_told_the_whole_way) {
  run(kKeyless);
  const std::string fix = expect_left_out().fix;
  run(fix.substr(fix.find("or: ") + 4, fix.find(" and of each") - fix.find("or: ") - 4));
  run(fix.substr(fix.find('\n')));
  expect_publishable();
}

TEST_F(PublishableTest, very_many_partitions_get_one_statement) {
  std::string many = "CREATE TABLE t (id int NOT NULL, v text) PARTITION BY RANGE (id); ALTER TABLE t REPLICA IDENTITY FULL;";
  for (int i = 0; i < 30; ++i) {
    many += "CREATE TABLE p" + std::to_string(i) + " PARTITION OF t FOR VALUES FROM (" + std::to_string(i) + ") TO (" + std::to_string(i + 1) + ");";
  }
  run(many);
  EXPECT_THAT(verdict().value_or(TableFinding{}).fix, testing::EndsWith("FROM pg_partition_tree('\"public\".\"t\"') WHERE isleaf \\gexec"));
}

TEST_F(PublishableTest, partitions_may_log_more_than_their_root_but_not_less) {
  run(kKeyed);
  expect_publishable();
  run("INSERT INTO t VALUES (1, 'x'), (11, 'y'); ALTER TABLE t1 REPLICA IDENTITY FULL");
  expect_publishable();
  run("INSERT INTO t VALUES (1, 'x'), (11, 'y'); ALTER TABLE t1 REPLICA IDENTITY NOTHING");
  EXPECT_EQ(expect_left_out().fix, "ALTER TABLE \"public\".\"t1\" REPLICA IDENTITY DEFAULT;");
  run("ALTER TABLE t1 REPLICA IDENTITY DEFAULT; ALTER TABLE t REPLICA IDENTITY FULL");
  expect_left_out(false);  // the stream calls the table FULL, and its old rows are keys
}

TEST_F(PublishableTest, an_index_must_cover_the_roots) {
  run("CREATE TABLE t (a int NOT NULL, b int NOT NULL, v text) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t DEFAULT;"
      "CREATE UNIQUE INDEX t_ab ON t (a, b); ALTER TABLE t REPLICA IDENTITY USING INDEX t_ab; INSERT INTO t VALUES (1, 1, 'x')");
  EXPECT_THAT(expect_left_out().fix, HasSubstr("ALTER TABLE \"public\".\"t1\" REPLICA IDENTITY USING INDEX"));
  run("ALTER TABLE t1 REPLICA IDENTITY USING INDEX t1_a_b_idx");
  expect_publishable();
  run("CREATE UNIQUE INDEX t1_b ON t1 (b); ALTER TABLE t1 REPLICA IDENTITY USING INDEX t1_b; INSERT INTO t VALUES (1, 1, 'x')");
  expect_left_out(false);  // an UPDATE of a alone would not say which row it changes
}

TEST_F(PublishableTest, generated_columns_in_an_identity) {
  const std::string columns = "(a int NOT NULL, v text, g int NOT NULL GENERATED ALWAYS AS (a * 2) STORED";
  const std::string row = "; INSERT INTO t VALUES (1, 'x');";
  const bool new_server = major() >= 18;
  run("CREATE TABLE t " + columns + ", PRIMARY KEY (a))" + row);
  expect_publishable();
  run("ALTER TABLE t REPLICA IDENTITY FULL" + row);
  if (new_server) {
    const TableFinding full = expect_left_out();
    EXPECT_EQ(full.kind, TableFinding::Kind::generated_identity);
    EXPECT_EQ(full.fix, "ALTER TABLE \"public\".\"t\" REPLICA IDENTITY DEFAULT;");
  } else {
    expect_publishable();
  }
  run("DROP TABLE t; CREATE TABLE t " + columns + ", PRIMARY KEY (a, g))" + row);
  EXPECT_EQ(expect_left_out(new_server).kind, TableFinding::Kind::generated_identity);
  run("DROP TABLE t; CREATE TABLE t " + columns + "); CREATE UNIQUE INDEX u ON t (g); ALTER TABLE t REPLICA IDENTITY USING INDEX u" + row);
  const TableFinding index = expect_left_out(new_server);
  EXPECT_EQ(index.kind, TableFinding::Kind::generated_identity);
  EXPECT_THAT(index.what, HasSubstr("\"g\""));
}

TEST_F(PublishableTest, a_full_partition_with_a_generated_column) {
  run("CREATE TABLE t (id int PRIMARY KEY, v text, g int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY RANGE (id);"
      "CREATE TABLE t1 PARTITION OF t DEFAULT; ALTER TABLE t1 REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 'x')");
  if (major() >= 18) {
    expect_left_out();
  } else {
    expect_publishable();
  }
}

TEST_F(PublishableTest, a_publication_with_generated_columns_makes_them_part_of_it) {
  run("CREATE TABLE t (a int, v text, g int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY (a, g)); INSERT INTO t VALUES (1, 'x')");
  if (major() < 18) {
    expect_left_out(false);  // no publication can have them
    return;
  }
  run("CREATE PUBLICATION pub FOR TABLE t WITH (publish_generated_columns = stored)");
  EXPECT_FALSE(verdict());
  run("UPDATE t SET v = 'y'");
}

// What a server of another version would do.
TEST(Publishable, depends_on_the_version) {
  CatalogTable table;
  table.name = {"public", "g"};
  table.identity = ReplicaIdentity::full;
  for (const char* name : {"id", "twice"}) {
    CatalogColumn column;
    column.attnum = static_cast<std::int16_t>(table.columns.size() + 1);
    column.name = name;
    table.columns.push_back(column);
  }
  table.columns[1].generated = true;
  EXPECT_FALSE(publishable(table, 180004));
  EXPECT_TRUE(publishable(table, 170010));
  table.published_columns = {"id", "twice"};
  EXPECT_TRUE(publishable(table, 180004));
  table.published_columns.clear();
  table.identity = ReplicaIdentity::key;
  table.primary_key = {1};
  EXPECT_TRUE(publishable(table, 180004));
  table.primary_key = {1, 2};
  EXPECT_FALSE(publishable(table, 180004));
  EXPECT_FALSE(publishable(table, 150020)) << "half a key names no row";
  table.columns[1].dropped = true;
  table.primary_key = {1};
  table.identity = ReplicaIdentity::full;
  EXPECT_TRUE(publishable(table, 180004));
}

}  // namespace
}  // namespace luge
