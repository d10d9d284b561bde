#include "pipeline/retyped_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/type_mapping.h"

namespace luge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ColumnOptions as_mapped(const TableName& /*table*/, const std::string& /*column*/, const PgType& /*type*/) { return {}; }
ColumnOptions amounts_as_text(const TableName& /*table*/, const std::string& column, const PgType& /*type*/) { return {column == "amount"}; }

ColumnSchema column(std::string name, Oid type, bool as_text) {
  ColumnSchema made;
  made.name = std::move(name);
  PgType pg_type;
  pg_type.oid = type;
  made.type = std::make_shared<const PgType>(pg_type);
  made.value = map_type(*made.type, -1, {as_text});
  return made;
}

TableRecord table(TableState state, bool as_text) {
  auto schema = std::make_shared<TableSchema>();
  schema->columns = {column("id", pg_oid::kInt4, false), column("amount", pg_oid::kInt8, as_text), column("note", pg_oid::kText, as_text)};
  TableRecord record;
  record.oid = 7;
  record.name = {"public", "t"};
  record.state = state;
  record.schema = std::move(schema);
  return record;
}

TEST(RetypedTables, RulesThatFitChangeNothing) {
  EXPECT_THAT(find_retyped({table(TableState::live, false)}, as_mapped), IsEmpty());
  EXPECT_THAT(find_retyped({table(TableState::live, true)}, amounts_as_text), IsEmpty()) << "note is a text either way";
}

TEST(RetypedTables, ARuleThatWasAddedOrIsMissing) {
  const auto missing = find_retyped({table(TableState::live, true)}, as_mapped);
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].oid, 7U);
  EXPECT_THAT(missing[0].columns, ElementsAre("amount (text, now int64)"));
  const auto added = find_retyped({table(TableState::catching_up, false)}, amounts_as_text);
  ASSERT_EQ(added.size(), 1U);
  EXPECT_THAT(added[0].columns, ElementsAre("amount (int64, now text)"));
  const Error error = retyped_error(added);
  EXPECT_EQ(error.exit_code, ExitCode::operator_decision);
  EXPECT_THAT(error.what, testing::HasSubstr("public.t amount (int64, now text)"));
  EXPECT_THAT(error.hint, testing::HasSubstr("--on-retype resync"));
}

TEST(RetypedTables, WhatIsCopiedAgainTakesTheNewRules) {
  for (const TableState state : {TableState::waiting, TableState::copying, TableState::quarantined, TableState::resyncing, TableState::dropped})
    EXPECT_THAT(find_retyped({table(state, true)}, as_mapped), IsEmpty()) << to_string(state);
}

TEST(RetypedTables, AnotherMappingIsNotTheRulesDoing) {
  TableRecord record = table(TableState::live, false);
  auto schema = std::make_shared<TableSchema>(*record.schema);
  schema->columns[1].value = {ValueKind::uint64, 0, 0, nullptr};
  record.schema = std::move(schema);
  EXPECT_THAT(find_retyped({record}, as_mapped), IsEmpty());
}

}  // namespace
}  // namespace luge
