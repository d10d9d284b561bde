#include "model/table_schema.h"

#include <gtest/gtest.h>

#include "model/table_record.h"

namespace luge {
namespace {

TEST(TableNames, AreQuotedWherePostgresqlWould) {
  EXPECT_EQ(to_string(TableName{"public", "orders"}), "public.orders");
  EXPECT_EQ(to_string(TableName{"_a1", "t_2"}), "_a1.t_2");
  EXPECT_EQ(to_string(TableName{"Sales", "order"}), R"("Sales"."order")");
  EXPECT_EQ(to_string(TableName{"public", R"(with "quotes")"}), R"(public."with ""quotes""")");
  EXPECT_EQ(to_string(TableName{"public", "1st"}), R"(public."1st")");
  EXPECT_EQ(to_string(TableName{"public", ""}), R"(public."")");
  EXPECT_EQ(to_string(TableName{"public", "ünï"}), R"(public."ünï")");
  // Unreserved keywords need no quotes; those of every other category do.
  EXPECT_EQ(to_string(TableName{"data", "zone"}), "data.zone");
  EXPECT_EQ(to_string(TableName{"between", "select"}), R"("between"."select")");
  EXPECT_EQ(to_string(TableName{"left", "array"}), R"("left"."array")");
}

TEST(Shapes, AreTheSameByAttnumNameTypeAndKey) {
  TableSchema a;
  a.columns.resize(2);
  a.columns[0].name = "id";
  a.columns[0].attnum = 1;
  a.columns[0].value = {ValueKind::int32, 0, 0, nullptr};
  a.columns[1].name = "v";
  a.columns[1].attnum = 2;
  a.key_columns = {0};
  TableSchema b = a;
  b.oid = 7;
  b.name = {"other", "name"};
  b.columns[1].typmod = 9;
  EXPECT_TRUE(same_shape(a, b));
  const auto differs = [&a](auto change) {
    TableSchema changed = a;
    change(changed);
    return !same_shape(a, changed);
  };
  EXPECT_TRUE(differs([](TableSchema& s) { s.columns[1].attnum = 3; }));
  EXPECT_TRUE(differs([](TableSchema& s) { s.columns[1].name = "w"; }));
  EXPECT_TRUE(differs([](TableSchema& s) { s.columns[1].value = {ValueKind::json, 0, 0, nullptr}; }));
  EXPECT_TRUE(differs([](TableSchema& s) { s.columns.pop_back(); }));
  EXPECT_TRUE(differs([](TableSchema& s) { s.key_columns = {}; }));
}

TEST(Shapes, TellAColumnThatWasPublishedLaterFromANewOne) {
  TableSchema before;
  before.columns.resize(2);
  before.columns[0].attnum = 1;
  before.columns[1].attnum = 3;
  before.newest_attnum = 4;
  const auto with = [&](std::int16_t attnum) {
    TableSchema now = before;
    now.columns.emplace_back().attnum = attnum;
    return now;
  };
  EXPECT_EQ(published_later(before, before), nullptr);
  EXPECT_EQ(published_later(before, with(5)), nullptr) << "it came with its rows' value";
  const TableSchema second = with(2);
  ASSERT_NE(published_later(before, second), nullptr);
  EXPECT_EQ(published_later(before, second)->attnum, 2);
  EXPECT_NE(published_later(before, with(4)), nullptr);
  before.newest_attnum = 0;
  EXPECT_EQ(published_later(before, with(4)), nullptr) << "not known to have been there";
  EXPECT_NE(published_later(before, with(2)), nullptr);
}

TEST(Shapes, CompareWhatOldTuplesCarry) {
  TableSchema a;
  a.columns.resize(2);
  TableSchema b = a;
  EXPECT_TRUE(same_identity(a, b));
  b.columns[1].in_identity = true;
  EXPECT_FALSE(same_identity(a, b));
  b = a;
  b.identity = ReplicaIdentity::full;
  EXPECT_FALSE(same_identity(a, b));
}

TEST(TableStates, ParseWhatTheyPrint) {
  for (const TableState state : {TableState::waiting, TableState::copying, TableState::catching_up, TableState::live, TableState::quarantined,
                                 TableState::gap, TableState::resyncing, TableState::dropped}) {
    EXPECT_EQ(parse_table_state(to_string(state)), state);
  }
  EXPECT_FALSE(parse_table_state("Live"));
  EXPECT_FALSE(parse_table_state(""));
}

}  // namespace
}  // namespace luge
