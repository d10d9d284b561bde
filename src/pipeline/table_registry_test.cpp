#include "pipeline/table_registry.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

class NoCopies final : public CopyPort {
 public:
  void start(RelationOid, const TableName&, Attempt) override {}
  void watch_settled(RelationOid, Attempt, const Snapshot&) override {}
  void cancel(RelationOid oid) override { cancelled.push_back(oid); }
  std::optional<CopyEvent> try_take_event() override { return std::nullopt; }
  std::vector<RelationOid> cancelled;
};

TableRecord record(TableState state) {
  TableRecord record;
  record.oid = 7;
  record.name = {"public", "orders"};
  record.attempt = 3;
  record.state = state;
  return record;
}

TableRecord quarantined(std::string code) {
  TableRecord stopped = record(TableState::quarantined);
  stopped.quarantine = Quarantine{std::move(code), "why", "", "", {}, "luge resync public.orders"};
  return stopped;
}

class TableRegistryTest : public testing::Test {
 protected:
  TableRegistry registry(TableRecord known) {
    Frontier frontier;
    frontier.tables.push_back(std::move(known));
    return {copies_, columns_, frontier, 1, 1, false};
  }
  /// What the destination is told between two transactions.
  std::optional<TableRecord> told(TableRegistry& tables) {
    BatchBuilder builder;
    if (!tables.start_wanted(builder, {})) return std::nullopt;
    const auto ops = builder.take();
    EXPECT_EQ(ops.size(), 1U);
    return std::get<SetTable>(ops.at(0)).record;
  }

  NoCopies copies_;
  ColumnOptionsLookup columns_ = [](const TableName&, const std::string&, const PgType&) { return ColumnOptions{}; };
};

TEST_F(TableRegistryTest, a_destination_that_cannot_change_a_columns_type_gets_a_copy_unasked) {
  TableRegistry tables = registry(record(TableState::live));
  tables.adopt(quarantined(std::string(kTypeChanged)));
  const auto next = told(tables);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->attempt, 4U);
  EXPECT_NE(next->state, TableState::quarantined);
  EXPECT_FALSE(next->quarantine);
  EXPECT_FALSE(told(tables)) << "once";
}

TEST_F(TableRegistryTest, so_it_does_when_luge_was_killed_in_between) {
  TableRegistry tables = registry(quarantined(std::string(kTypeChanged)));
  const auto next = told(tables);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->attempt, 4U);
}

TEST_F(TableRegistryTest, every_other_quarantine_waits_for_an_operator) {
  TableRegistry tables = registry(record(TableState::live));
  tables.adopt(quarantined("misfit"));
  EXPECT_EQ(tables.find(7)->record.state, TableState::quarantined);
  EXPECT_FALSE(told(tables));
  TableRegistry again = registry(quarantined("misfit"));
  EXPECT_FALSE(told(again));
}

TEST_F(TableRegistryTest, a_word_about_an_older_copy_counts_for_nothing) {
  TableRecord old = quarantined(std::string(kTypeChanged));
  old.attempt = 2;
  TableRegistry tables = registry(record(TableState::live));
  tables.adopt(old);
  EXPECT_EQ(tables.find(7)->record.state, TableState::live);
  EXPECT_FALSE(told(tables));
}

}  // namespace
}  // namespace luge
