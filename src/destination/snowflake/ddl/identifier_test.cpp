#include "destination/snowflake/ddl/identifier.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TableSchema table_of(std::vector<std::string> names) {
  TableSchema schema;
  schema.name = {"public", "orders"};
  for (auto& name : names) {
    schema.columns.emplace_back().name = std::move(name);
  }
  return schema;
}

TEST(SnowflakeIdentifier, quotes) {
  EXPECT_EQ(snowflake_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(snowflake_literal("it's a \\ slash"), R"('it''s a \\ slash')");
  EXPECT_EQ(snowflake_name("größe", false), "GRößE");
  EXPECT_EQ(snowflake_name("Größe", true), "Größe");
}

TEST(SnowflakeIdentifier, columns_that_fold_together_are_refused_in_either_case) {
  EXPECT_EQ(*snowflake_column_names(table_of({"id", "Total Sum"}), false), (std::vector<std::string>{"ID", "TOTAL SUM"}));
  EXPECT_EQ(*snowflake_column_names(table_of({"id", "Total Sum"}), true), (std::vector<std::string>{"id", "Total Sum"}));
  for (const bool keep_case : {false, true}) {
    const auto refused = snowflake_column_names(table_of({"a", "b", "A"}), keep_case);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().recovery, Recovery::quarantine_table);
    EXPECT_NE(refused.error().what.find("columns a and A of public.orders"), std::string::npos) << refused.error().what;
    EXPECT_FALSE(snowflake_column_names(table_of({"_luge_op"}), keep_case));
  }
}

TEST(SnowflakeIdentifier, tables_that_would_be_one_are_refused) {
  const std::vector<TableName> fold = {{"public", "orders"}, {"public", "Orders"}};
  const auto refused = check_snowflake_places(fold, "", false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("public.orders and public.\"Orders\""), std::string::npos) << refused.error().what;
  EXPECT_TRUE(check_snowflake_places(fold, "", true));
  const std::vector<TableName> schemas = {{"a", "orders"}, {"b", "orders"}};
  EXPECT_TRUE(check_snowflake_places(schemas, "", false));
  EXPECT_FALSE(check_snowflake_places(schemas, "RAW", false));
  const std::vector<TableName> logs = {{"a", "orders"}, {"a", "orders__log"}};
  EXPECT_FALSE(check_snowflake_places(logs, "", false));
  EXPECT_FALSE(check_snowflake_places(std::vector<TableName>{{"a", "_luge_x"}}, "", false));
}

}  // namespace
}  // namespace luge
