#include "app/table_selection.h"

#include <gtest/gtest.h>

#include "app/column_rules.h"

namespace luge {
namespace {

TableSelection selection(std::string_view text) {
  auto parsed = TableSelection::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : TableSelection();
}

TEST(TableSelection, DefaultIsEverythingUsersOwn) {
  const TableSelection all = selection("");
  EXPECT_TRUE(all.includes({"public", "orders"}));
  EXPECT_TRUE(all.includes({"Sales 2", "Order Items"}));
  for (const char* schema : {"pg_catalog", "information_schema", "pg_toast", "pg_temp_3", "_luge"})
    EXPECT_FALSE(all.includes({schema, "t"})) << schema;
}

TEST(TableSelection, ExclusionWinsWhereverItStands) {
  for (const char* text : {"public.*,!public.audit_*", "!public.audit_*, public.*"}) {
    const TableSelection some = selection(text);
    EXPECT_TRUE(some.includes({"public", "orders"}));
    EXPECT_FALSE(some.includes({"public", "audit_2024"}));
    EXPECT_FALSE(some.includes({"sales", "orders"}));
  }
  EXPECT_TRUE(selection("!*.audit_*").includes({"sales", "orders"}));
  EXPECT_FALSE(selection("!*.audit_*").includes({"sales", "audit_x"}));
}

TEST(TableSelection, NoSchemaMeansPublic) {
  EXPECT_TRUE(selection("orders").includes({"public", "orders"}));
  EXPECT_FALSE(selection("orders").includes({"sales", "orders"}));
}

TEST(TableSelection, FoldsLikePostgresAndQuotesAreExact) {
  EXPECT_TRUE(selection("Public.Orders").includes({"public", "orders"}));
  EXPECT_FALSE(selection("public.Orders").includes({"public", "Orders"}));
  EXPECT_TRUE(selection("public.\"Orders\"").includes({"public", "Orders"}));
  EXPECT_TRUE(selection("public.\"a.b,c\"").includes({"public", "a.b,c"}));
  EXPECT_TRUE(selection("public.\"x*\"").includes({"public", "x*"}));
  EXPECT_FALSE(selection("public.\"x*\"").includes({"public", "xy"}));
  EXPECT_TRUE(selection("public.\"he said \"\"hi\"\"\"").includes({"public", "he said \"hi\""}));
}

TEST(TableSelection, Globs) {
  const TableSelection some = selection("public.a*b?c*");
  EXPECT_TRUE(some.includes({"public", "abxc"}));
  EXPECT_TRUE(some.includes({"public", "abbbbbxcccc"}));
  EXPECT_FALSE(some.includes({"public", "abc"}));
  EXPECT_TRUE(selection("*.*").includes({"x", "y"}));
}

TEST(TableSelection, SystemSchemasCannotBeSelected) { EXPECT_FALSE(selection("pg_catalog.*").includes({"pg_catalog", "pg_class"})); }

TEST(TableSelection, WrongPatternsAreUsageErrors) {
  for (const char* text : {"a.b.c", "public.", ".orders", "public.\"open", ",", "public.*,,x", "!"}) {
    const auto parsed = TableSelection::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().exit_code, ExitCode::usage);
  }
}

TEST(TableSelection, ExactNamesAreKnown) {
  EXPECT_EQ(selection("public.*,sales.orders,!x.y").exact_names(), std::vector<std::string>{"sales.orders"});
}

TEST(ColumnRules, LaterRuleWinsAndTypesSeeThroughDomains) {
  PgType numeric;
  numeric.name = "numeric";
  PgType money_domain;
  money_domain.name = "amount";
  money_domain.base = std::make_shared<PgType>(numeric);
  ColumnRules rules;
  ASSERT_TRUE(rules.add("type: numeric", {.as_text = true}));
  ASSERT_TRUE(rules.add("public.orders.*", {.as_text = false}));
  ASSERT_TRUE(rules.add("*.*.note", {.as_text = true}));
  const TableName orders{"public", "orders"};
  EXPECT_TRUE(rules.lookup({"public", "other"}, "total", numeric).as_text);
  EXPECT_TRUE(rules.lookup({"public", "other"}, "total", money_domain).as_text);
  EXPECT_FALSE(rules.lookup(orders, "total", numeric).as_text);
  EXPECT_TRUE(rules.lookup(orders, "note", numeric).as_text);
  EXPECT_FALSE(rules.add("orders.note", {}));
  EXPECT_FALSE(rules.add("type: a.b", {}));
}

}  // namespace
}  // namespace luge
