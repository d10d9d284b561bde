#include "pipeline/source_gate.h"

#include <gtest/gtest.h>

#include "support/temp_postgres.h"

namespace luge {
namespace {

class SourceGateTest : public testing::Test {
 protected:
  SourceGateTest() : database_(server_.create_database()) {
    options_.pipeline = database_;
    options_.source = server_.options(database_);
    options_.wants = [](const TableName& name) { return name.table != "unwanted"; };
    server_.run(
        "CREATE TABLE good (id int PRIMARY KEY, v text); CREATE TABLE unwanted (id int PRIMARY KEY); CREATE TABLE keyless (id int);"
        "CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part DEFAULT;"
        "ALTER TABLE part REPLICA IDENTITY FULL; INSERT INTO keyless VALUES (1); INSERT INTO part VALUES (1)",
        database_);
  }
  std::string published() const { return server_.run("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables", database_); }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  DriverOptions options_;
  SystemClock clock_;
};

TEST_F(SourceGateTest, publishes_only_what_can_be_published_without_harm) {
  SourceGate gate(options_, clock_, {});
  ASSERT_TRUE(gate.ensure_publication());
  EXPECT_EQ(published(), "good");
  server_.run("UPDATE keyless SET id = 2; UPDATE part SET id = 2", database_);
  EXPECT_TRUE(gate.ensure_publication()) << "there is one now, and it is luge's own";
  EXPECT_EQ(published(), "good");
}

TEST_F(SourceGateTest, publishes_all_that_is_wanted_by_choice) {
  options_.allow_no_identity = true;
  SourceGate gate(options_, clock_, {});
  ASSERT_TRUE(gate.ensure_publication());
  EXPECT_EQ(published(), "good,keyless,part");
}

}  // namespace
}  // namespace luge
