#include "destination/snowflake/ddl/layout_change.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TableLayout orders(std::vector<LayoutColumn> columns) { return {{"S", "ORDERS", "ORDERS__LOG"}, std::move(columns), false}; }

LayoutColumn column(std::int16_t attnum, const std::string& name, const std::string& type = "VARCHAR") {
  LayoutColumn made;
  made.attnum = attnum;
  made.name = name;
  made.type = type;
  made.source_type = "text";
  return made;
}

ActualColumns log_of(ActualColumns columns) {
  for (const char* own : {"_LUGE_EPOCH", "_LUGE_LSN", "_LUGE_ORDINAL", "_LUGE_OP", "_LUGE_XID", "_LUGE_COMMIT_TIME", "_LUGE_PRESENT", "_LUGE_OLD_KEY",
                          "_LUGE_POSITION"})
    columns.push_back({own, "VARCHAR(42)"});
  return columns;
}
ActualColumns state_of(ActualColumns columns) {
  columns.push_back({"_LUGE_POSITION", "VARCHAR(42)"});
  return columns;
}

TEST(LayoutChange, types_that_hold_widen_or_do_not) {
  EXPECT_EQ(fit_of("VARCHAR(16777216)", "VARCHAR"), TypeFit::holds);
  EXPECT_EQ(fit_of("VARCHAR(134217728)", "VARCHAR"), TypeFit::holds);
  EXPECT_EQ(fit_of("VARCHAR(36)", "VARCHAR"), TypeFit::widens);
  EXPECT_EQ(fit_of("NUMBER(10,2)", "NUMBER(12,2)"), TypeFit::widens);
  EXPECT_EQ(fit_of("NUMBER(12,2)", "NUMBER(10,2)"), TypeFit::holds);
  EXPECT_EQ(fit_of("NUMBER(12,2)", "NUMBER(12,3)"), TypeFit::other);
  EXPECT_EQ(fit_of("NUMBER(38,0)", "VARCHAR"), TypeFit::other);
  EXPECT_EQ(fit_of("TIMESTAMP_NTZ(9)", "TIMESTAMP_NTZ(6)"), TypeFit::holds);
  EXPECT_EQ(fit_of("TIMESTAMP_NTZ(3)", "TIMESTAMP_NTZ(6)"), TypeFit::other);
  EXPECT_EQ(fit_of("BINARY(8388608)", "BINARY"), TypeFit::holds);
}

TEST(LayoutChange, the_log_is_additive) {
  const TableLayout before = orders({column(1, "A"), column(2, "B"), column(3, "C", "NUMBER(38,0)")});
  const TableLayout wanted = orders({column(1, "A2"), column(3, "C"), column(4, "D")});
  const ActualColumns actual = log_of({{"A", "VARCHAR(16777216)"}, {"B", "VARCHAR(16777216)"}, {"C", "NUMBER(38,0)"}});
  const LayoutChange change = change_log(&before, wanted, &actual);
  EXPECT_EQ(change.statements, (std::vector<std::string>{R"(ALTER TABLE "S"."ORDERS__LOG" RENAME COLUMN "A" TO "A2")",
                                                         R"(ALTER TABLE "S"."ORDERS__LOG" RENAME COLUMN "C" TO "C__OLD_1")",
                                                         R"(ALTER TABLE "S"."ORDERS__LOG" ADD COLUMN IF NOT EXISTS "C" VARCHAR)",
                                                         R"(ALTER TABLE "S"."ORDERS__LOG" ADD COLUMN IF NOT EXISTS "D" VARCHAR)"}));
  const ActualColumns after = log_of({{"A2", "VARCHAR(16777216)"},
                                      {"B", "VARCHAR(16777216)"},
                                      {"C__OLD_1", "NUMBER(38,0)"},
                                      {"C", "VARCHAR(16777216)"},
                                      {"D", "VARCHAR(16777216)"}});
  EXPECT_TRUE(change_log(&before, wanted, &after).statements.empty()) << "a repeat does nothing";
}

TEST(LayoutChange, the_state_table_drops_and_fills) {
  const TableLayout before = orders({column(1, "A"), column(2, "B")});
  TableLayout wanted = orders({column(1, "A"), column(3, "C"), column(4, "D", "DATE")});
  wanted.columns[1].missing = "'x'";
  wanted.columns[1].missing_is_constant = true;
  wanted.columns[2].missing = "'2024-02-29'::DATE";
  const ActualColumns actual = state_of({{"A", "VARCHAR(10)"}, {"B", "VARCHAR(16777216)"}});
  const LayoutChange change = change_state(&before, wanted, &actual);
  EXPECT_FALSE(change.needs_copy);
  EXPECT_EQ(change.statements,
            (std::vector<std::string>{
                R"(ALTER TABLE "S"."ORDERS" DROP COLUMN IF EXISTS "B")", R"(ALTER TABLE "S"."ORDERS" ALTER COLUMN "A" SET DATA TYPE VARCHAR)",
                R"(ALTER TABLE "S"."ORDERS" ADD COLUMN IF NOT EXISTS "C" VARCHAR DEFAULT 'x')",
                R"(ALTER TABLE "S"."ORDERS" ADD COLUMN IF NOT EXISTS "D" DATE)", R"(UPDATE "S"."ORDERS" SET "D" = '2024-02-29'::DATE)"}));
}

TEST(LayoutChange, another_type_or_crossing_names_need_a_copy) {
  const TableLayout before = orders({column(1, "A"), column(2, "B")});
  const TableLayout swapped = orders({column(1, "B"), column(2, "A")});
  const ActualColumns actual = state_of({{"A", "VARCHAR(16777216)"}, {"B", "VARCHAR(16777216)"}});
  const LayoutChange change = change_state(&before, swapped, &actual);
  EXPECT_TRUE(change.statements.empty());
  EXPECT_TRUE(change.needs_copy);
  const TableLayout chained = orders({column(1, "B"), column(2, "C")});
  EXPECT_TRUE(change_state(&before, chained, &actual).needs_copy);
  const TableLayout retyped = orders({column(1, "A", "DATE"), column(2, "B")});
  EXPECT_TRUE(change_state(&before, retyped, &actual).needs_copy);
}

TEST(LayoutChange, a_table_that_is_gone_is_made) {
  EXPECT_EQ(change_state(nullptr, orders({column(1, "A")}), nullptr).statements,
            (std::vector<std::string>{R"(CREATE TABLE IF NOT EXISTS "S"."ORDERS" ("A" VARCHAR, "_LUGE_POSITION" VARCHAR(42)))"}));
}

}  // namespace
}  // namespace luge
