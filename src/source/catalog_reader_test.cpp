#include "source/catalog_reader.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/catalog_fingerprint.h"
#include "source/publishable.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CatalogReaderTest : public testing::Test {
 protected:
  CatalogReaderTest() : database_(server_.create_database()), sql_(server_.connect(database_)), reader_(sql_, "pub") {}
  void run(const std::string& sql) { server_.run(sql, database_); }
  CatalogTable table(const std::string& name) {
    auto tables = reader_.list_tables();
    EXPECT_TRUE(tables) << tables.error().message();
    for (CatalogTable& each : *tables) {
      if (each.name.table == name) return each;
    }
    ADD_FAILURE() << "no table " << name;
    return {};
  }
  static CatalogColumn column(const CatalogTable& table, const std::string& name) {
    for (const CatalogColumn& each : table.columns) {
      if (each.name == name) return each;
    }
    ADD_FAILURE() << "no column " << name;
    return {};
  }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  Connection sql_;
  CatalogReader reader_;
};

TEST_F(CatalogReaderTest, lists_what_can_be_followed) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int); CREATE VIEW v AS SELECT 1; CREATE SCHEMA \"S \"\"q\"; CREATE TABLE \"S "
      "\"\"q\".\"Tä b\" (id int);"
      "CREATE TABLE p (id int, at date) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE MATERIALIZED "
      "VIEW m AS SELECT 1");
  const auto tables = reader_.list_tables();
  ASSERT_TRUE(tables) << tables.error().message();
  std::vector<std::string> names;
  for (const CatalogTable& each : *tables) names.push_back(each.name.schema + "." + each.name.table);
  EXPECT_THAT(names, ElementsAre("S \"q.Tä b", "public.a", "public.p"));
  const auto left_out = reader_.unfollowable_tables();
  ASSERT_TRUE(left_out);
  ASSERT_EQ(left_out->size(), 1U);
  EXPECT_THAT((*left_out)[0].fix, HasSubstr("ALTER TABLE \"public\".\"u\" SET LOGGED"));
}

TEST_F(CatalogReaderTest, resolves_types_through_domains_and_arrays) {
  run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN cents AS numeric(10,2); CREATE DOMAIN small_cents AS cents; CREATE TYPE pair AS (a int, "
      "b text);"
      "CREATE TABLE t (id int PRIMARY KEY, m mood NOT NULL, c small_cents, l cents[], v oidvector, b box[], p pair, n varchar(7))");
  const CatalogTable t = table("t");
  EXPECT_TRUE(column(t, "m").not_null);
  EXPECT_EQ(column(t, "m").type->kind, 'e');
  EXPECT_EQ(column(t, "c").type->name, "small_cents");
  EXPECT_EQ(column(t, "c").type->base->name, "cents");
  EXPECT_EQ(column(t, "c").type->resolved().oid, pg_oid::kNumeric);
  EXPECT_EQ(resolved_typmod(*column(t, "c").type, column(t, "c").typmod), ((10 << 16) | 2) + 4);
  EXPECT_TRUE(column(t, "l").type->is_array);
  EXPECT_EQ(column(t, "l").type->element->base->oid, pg_oid::kNumeric);
  EXPECT_FALSE(column(t, "v").type->is_array) << "an oidvector's text is not an array's";
  EXPECT_EQ(column(t, "b").type->delimiter, ';');
  EXPECT_EQ(column(t, "p").type->kind, 'c');
  EXPECT_EQ(column(t, "n").typmod, 7 + 4);
}

TEST_F(CatalogReaderTest, missing_values_are_the_elements_own_text) {
  run("CREATE TYPE pair AS (a int, b text); CREATE DOMAIN word AS text; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);"
      "ALTER TABLE t ADD a text DEFAULT 'it''s, \"x\" \\ {y}', ADD b int[] DEFAULT '{1,2,NULL}', ADD c text DEFAULT '', ADD d pair DEFAULT "
      "ROW(1,'a,\"b'),"
      "ADD e text DEFAULT 'NULL', ADD f word DEFAULT 'd,\"', ADD g bytea DEFAULT '\\x0102', ADD h text[] DEFAULT ARRAY['a,b','c\"d'], ADD i float8 "
      "DEFAULT 0.1,"
      "ADD j timestamptz DEFAULT '2020-01-01 00:00Z', ADD k text, ADD l char(4) DEFAULT 'ab'");
  const CatalogTable t = table("t");
  const auto row = sql_.query("SELECT a, b, c, d, e, f, g, h, i, j, k, l FROM public.t");
  ASSERT_TRUE(row);
  int with_value = 0;
  for (std::size_t i = 0; i < row->columns(); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    EXPECT_EQ(column(t, name).missing_text, row->optional_string(0, i)) << name;
    with_value += column(t, name).missing_text.has_value() ? 1 : 0;
  }
  EXPECT_EQ(with_value, 11);
  EXPECT_FALSE(column(t, "id").missing_text);
}

TEST_F(CatalogReaderTest, keeps_dropped_columns_generated_ones_and_order) {
  run("CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a + 1) STORED, d int, PRIMARY KEY (d, a)); ALTER TABLE t DROP b");
  const CatalogTable t = table("t");
  ASSERT_EQ(t.columns.size(), 4U);
  EXPECT_TRUE(t.columns[1].dropped);
  EXPECT_EQ(t.columns[1].type, nullptr);
  EXPECT_TRUE(t.columns[2].generated);
  EXPECT_THAT(t.primary_key, ElementsAre(4, 1));
  EXPECT_GT(t.file_node, 0U);
  EXPECT_EQ(t.estimated_rows, -1);
  EXPECT_FALSE(t.published);
}

TEST_F(CatalogReaderTest, tells_identities_apart) {
  run("CREATE TABLE key (id int PRIMARY KEY); CREATE TABLE late (id int PRIMARY KEY DEFERRABLE); CREATE TABLE none (id int); CREATE TABLE whole (id "
      "int);"
      "ALTER TABLE whole REPLICA IDENTITY FULL; CREATE TABLE idx (a int NOT NULL, b int NOT NULL); CREATE UNIQUE INDEX idx_b ON idx (b) INCLUDE (a);"
      "ALTER TABLE idx REPLICA IDENTITY USING INDEX idx_b");
  EXPECT_TRUE(has_identity(table("key")));
  EXPECT_FALSE(has_identity(table("late")));
  EXPECT_FALSE(has_identity(table("none")));
  EXPECT_TRUE(has_identity(table("whole")));
  EXPECT_TRUE(has_identity(table("idx")));
  EXPECT_THAT(table("idx").identity_index, ElementsAre(2));
  const auto findings = reader_.preflight(*reader_.list_tables());
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 2U);
  EXPECT_EQ((*findings)[0].table.table, "late");
  EXPECT_THAT((*findings)[1].fix, HasSubstr("ALTER TABLE \"public\".\"none\""));
}

TEST_F(CatalogReaderTest, reads_publication_columns_and_filter) {
  run("CREATE TABLE t (id int PRIMARY KEY, a int, b text); CREATE TABLE s (id int PRIMARY KEY); CREATE TABLE out (id int PRIMARY KEY);"
      "CREATE PUBLICATION pub FOR TABLE t (id, b) WHERE (id > 10 AND b <> 'it''s'), s");
  EXPECT_TRUE(table("t").published);
  EXPECT_THAT(table("t").published_columns, ElementsAre("id", "b"));
  EXPECT_THAT(*table("t").row_filter, HasSubstr("id > 10"));
  EXPECT_TRUE(table("s").published);
  EXPECT_THAT(table("s").published_columns, IsEmpty());
  EXPECT_FALSE(table("s").row_filter);
  EXPECT_FALSE(table("out").published);
  run("DROP PUBLICATION pub; CREATE PUBLICATION pub FOR TABLES IN SCHEMA public, TABLE t WHERE (id > 10)");
  EXPECT_TRUE(table("out").published);
  EXPECT_FALSE(table("t").row_filter) << "the schema cancels it";
  run("DROP PUBLICATION pub; CREATE PUBLICATION pub FOR ALL TABLES");
  EXPECT_TRUE(table("out").published);
}

TEST_F(CatalogReaderTest, a_partitioned_table_speaks_for_its_leaves) {
  run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100000);"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100000) TO (200000) PARTITION BY RANGE (id); CREATE TABLE p21 PARTITION OF p2 DEFAULT;"
      "INSERT INTO p SELECT generate_series(1, 1000); INSERT INTO p SELECT generate_series(100001, 101000); ALTER TABLE p ADD note text "
      "DEFAULT 'old';"
      "CREATE PUBLICATION pub FOR TABLE p WITH (publish_via_partition_root = true)");
  const CatalogTable p = table("p");
  EXPECT_EQ(p.kind, 'p');
  EXPECT_TRUE(p.published);
  EXPECT_GE(p.pages, 8U) << "never analysed, and yet its size is known";
  run("ANALYZE p");
  EXPECT_EQ(table("p").estimated_rows, 2000);
  EXPECT_EQ(column(p, "note").missing_text, "old");
  const std::uint32_t before = p.file_node;
  run("TRUNCATE p21");
  EXPECT_NE(table("p").file_node, before);
}

TEST_F(CatalogReaderTest, describes_one_table_and_says_when_it_is_gone) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  const RelationOid oid = table("t").oid;
  const auto described = reader_.describe_table(oid);
  ASSERT_TRUE(described && *described);
  EXPECT_EQ((*described)->name.table, "t");
  run("DROP TABLE t");
  const auto gone = reader_.describe_table(oid);
  ASSERT_TRUE(gone);
  EXPECT_FALSE(*gone);
}

TEST_F(CatalogReaderTest, waits_for_no_tables_lock) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT;"
      "CREATE PUBLICATION pub FOR TABLE t, p WITH (publish_via_partition_root = true)");
  Connection locker = server_.connect(database_);
  ASSERT_TRUE(locker.exec("BEGIN"));
  ASSERT_TRUE(locker.exec("LOCK TABLE public.t, public.p, public.p1"));
  ASSERT_TRUE(sql_.exec("SET lock_timeout = '1ms'"));
  const auto tables = reader_.list_tables();
  ASSERT_TRUE(tables) << tables.error().message();
  EXPECT_EQ(tables->size(), 2U);
  std::vector<RelationOid> oids = {(*tables)[0].oid, (*tables)[1].oid};
  const auto fingerprint = read_fingerprint(sql_, "pub", oids);
  EXPECT_TRUE(fingerprint) << fingerprint.error().message();
}

TEST_F(CatalogReaderTest, sees_row_security_and_missing_rights_of_its_role) {
  run("CREATE ROLE reader_" + database_ +
      " LOGIN; CREATE TABLE seen (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY); CREATE TABLE secret (id int PRIMARY KEY);"
      "GRANT SELECT ON seen, hidden TO reader_" +
      database_ + "; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY");
  auto connection = Connection::open(server_.options(database_, "reader_" + database_));
  ASSERT_TRUE(connection);
  CatalogReader reader(*connection, "pub");
  const auto tables = reader.list_tables();
  ASSERT_TRUE(tables) << tables.error().message();
  const auto findings = reader.preflight(*tables);
  ASSERT_TRUE(findings) << findings.error().message();
  ASSERT_EQ(findings->size(), 2U);
  EXPECT_EQ((*findings)[0].kind, TableFinding::Kind::row_security);
  EXPECT_EQ((*findings)[0].fix, "ALTER ROLE reader_" + database_ + " BYPASSRLS;");
  EXPECT_EQ((*findings)[1].kind, TableFinding::Kind::not_readable);
  EXPECT_EQ((*findings)[1].fix, "GRANT SELECT ON \"public\".\"secret\" TO reader_" + database_ + ";");
}

class FingerprintTest : public CatalogReaderTest {
 protected:
  CatalogFingerprint fingerprint() {
    std::vector<RelationOid> oids;
    auto tables = reader_.list_tables();
    for (const CatalogTable& each : *tables) oids.push_back(each.oid);
    auto read = read_fingerprint(sql_, "pub", oids);
    EXPECT_TRUE(read) << read.error().message();
    return *std::move(read);
  }
  /// Why table `name` counts as rewritten after `sql` ran.
  std::string rewrite_by(const std::string& name, const std::string& sql) {
    const RelationOid oid = table(name).oid;
    const CatalogFingerprint before = fingerprint();
    run(sql);
    const CatalogFingerprint now = fingerprint();
    EXPECT_EQ(now.tables.at(oid).file_node, table(name).file_node) << "reader and fingerprint must agree";
    return explain_rewrite(before.tables.at(oid), now.tables.at(oid));
  }
};

TEST_F(FingerprintTest, only_what_changes_rows_in_silence_counts_as_a_rewrite) {
  run("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)");
  EXPECT_EQ(rewrite_by("t", "INSERT INTO t VALUES (2, 2)"), "");
  EXPECT_EQ(rewrite_by("t", "TRUNCATE t"), "");
  EXPECT_EQ(rewrite_by("t", "INSERT INTO t VALUES (2, 2)"), "");
  EXPECT_EQ(rewrite_by("t", "VACUUM FULL t"), "");
  EXPECT_EQ(rewrite_by("t", "CLUSTER t USING t_pkey"), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ADD c int"), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ADD d int DEFAULT 5"), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t DROP c"), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t RENAME n TO m"), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ALTER m TYPE bigint"), "it was rewritten by ALTER TABLE");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ALTER m TYPE bigint USING m + 1"), "it was rewritten by ALTER TABLE");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ADD r float8 DEFAULT random()"), "it was rewritten by ALTER TABLE");
}

TEST_F(FingerprintTest, a_column_that_is_published_later_counts) {
  run("CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED); CREATE PUBLICATION pub FOR TABLE t");
  TableSchema shape;
  shape.columns.resize(2);
  shape.columns[0].attnum = 1;
  shape.columns[1].attnum = 2;
  shape.newest_attnum = 3;
  const RelationOid oid = table("t").oid;
  const auto since = [&] { return explain_rewrite_since(0, &shape, fingerprint().tables.at(oid)); };
  const std::string before = fingerprint().tables.at(oid).shape;
  EXPECT_EQ(since(), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ADD b int"), "");
  EXPECT_EQ(since(), "");
  EXPECT_EQ(rewrite_by("t", "ALTER TABLE t ALTER twice DROP EXPRESSION"), "a column that it already had was published");
  EXPECT_EQ(since(), "a column that it already had was published");
  EXPECT_NE(fingerprint().tables.at(oid).shape, before);
  EXPECT_EQ(rewrite_by("t", "ALTER PUBLICATION pub DROP TABLE t; ALTER PUBLICATION pub ADD TABLE t (id)"),
            "it was taken out of the publication and put in again");
}

TEST_F(FingerprintTest, a_rewrite_before_the_start_is_found_by_its_file_node) {
  run("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)");
  const CatalogTable before = table("t");
  const auto since = [&] { return explain_rewrite_since(before.file_node, nullptr, fingerprint().tables.at(before.oid)); };
  EXPECT_EQ(since(), "");
  run("VACUUM FULL t");
  EXPECT_EQ(since(), "");
  run("ALTER TABLE t ALTER n TYPE bigint USING n + 1");
  EXPECT_EQ(since(), "it was rewritten by ALTER TABLE while luge did not run");
  EXPECT_EQ(explain_rewrite_since(0, nullptr, fingerprint().tables.at(before.oid)), "");
}

TEST_F(FingerprintTest, partitions_that_come_filled_or_go_count) {
  run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); INSERT INTO p VALUES "
      "(1);"
      "CREATE TABLE filled (id int PRIMARY KEY); INSERT INTO filled VALUES (25)");
  EXPECT_EQ(rewrite_by("p", "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)"), "");
  EXPECT_EQ(rewrite_by("p", "INSERT INTO p VALUES (11)"), "");
  EXPECT_EQ(rewrite_by("p", "ALTER TABLE p ATTACH PARTITION filled FOR VALUES FROM (20) TO (30)"), "a table was attached as a partition");
  EXPECT_EQ(rewrite_by("p", "TRUNCATE p2"), "a partition was truncated or rewritten");
  EXPECT_EQ(rewrite_by("p", "ALTER TABLE p DETACH PARTITION filled"), "a partition was detached or dropped");
  EXPECT_EQ(rewrite_by("p", "DROP TABLE p2"), "a partition was detached or dropped");
}

TEST_F(FingerprintTest, leaving_and_entering_the_publication_counts) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
  EXPECT_EQ(rewrite_by("t", "ALTER PUBLICATION pub DROP TABLE t; ALTER PUBLICATION pub ADD TABLE t"),
            "it was taken out of the publication and put in again");
  EXPECT_NE(fingerprint().publication, 0U);
}

TEST_F(FingerprintTest, renamed_labels_and_changed_composites_reach_their_tables) {
  run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN feeling AS mood; CREATE TYPE pair AS (a int, f feeling); CREATE TABLE direct (id int "
      "PRIMARY KEY, m mood);"
      "CREATE TABLE deep (id int PRIMARY KEY, p pair[]); CREATE TABLE other (id int PRIMARY KEY)");
  const auto touched = [&](const std::string& sql) {
    const CatalogFingerprint before = fingerprint();
    run(sql);
    const CatalogFingerprint now = fingerprint();
    std::vector<RelationOid> oids;
    for (const auto& [oid, each] : now.tables) oids.push_back(oid);
    std::vector<std::string> names;
    auto resting = tables_resting_on(sql_, changed_types(before.types, now.types), oids);
    EXPECT_TRUE(resting) << resting.error().message();
    for (RelationOid oid : *resting) names.push_back((*reader_.describe_table(oid))->name.table);
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_THAT(touched("ALTER TYPE mood ADD VALUE 'great'"), IsEmpty());
  EXPECT_THAT(touched("CREATE TYPE fresh AS ENUM ('x')"), IsEmpty());
  EXPECT_THAT(touched("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'"), ElementsAre("deep", "direct"));
  EXPECT_THAT(touched("ALTER TYPE pair ADD ATTRIBUTE c int"), ElementsAre("deep"));
}

}  // namespace
}  // namespace luge
