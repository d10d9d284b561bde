#include "destination/duckdb/shape_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using ShapeChangeTest = MirrorTest;

const TableName kName{"public", "t"};

std::shared_ptr<const ArrowColumn> one_value(const ColumnSchema& column, const Value& value) {
  auto out = std::make_shared<ArrowColumn>(empty_column(column.value));
  append(*out, value);
  return out;
}

TEST_F(ShapeChangeTest, columns_come_go_and_swap_names_between_rows) {
  open();
  const auto first = shape(
      1, kName,
      {column("id", 1, ValueKind::int64), column("a", 2, ValueKind::text), column("b", 3, ValueKind::text), column("c", 4, ValueKind::int32)}, {0});
  make_table(first);
  ColumnSchema added = column("c", 5, ValueKind::text);  // takes the name of a dropped one
  added.missing_value = one_value(added, s("it's the default"));
  ColumnSchema date = column("d", 6, ValueKind::date);
  date.missing_value = one_value(date, n(-1'000'000));  // 768 BC
  const auto second =
      shape(1, kName, {column("id", 1, ValueKind::int64), column("b", 2, ValueKind::text), column("a", 3, ValueKind::text), added, date}, {0});
  // One transaction: rows of the old shape, the change, rows of the new one, and old rows touched again.
  const Frontier frontier = apply_ops(100,
                                      live(ChunkMaker(first)
                                               .row(RowOp::insert, {n(1), s("a1"), s("b1"), n(11)}, 100, 0)
                                               .row(RowOp::insert, {n(2), s("a2"), s("b2"), n(12)}, 100, 1)
                                               .take()),
                                      live(ChunkMaker(second)
                                               .row(RowOp::insert, {n(3), s("was a"), s("was b"), s("c3"), kNull}, 100, 2)
                                               .row(RowOp::update, {n(2), kAbsent, s("new"), kAbsent, n(0)}, 100, 3)
                                               .row(RowOp::remove, {n(1), kAbsent, kAbsent, kAbsent, kAbsent}, 100, 4)
                                               .row(RowOp::insert, {n(4), kNull, kNull, kNull, n(kDateInfinity)}, 100, 5)
                                               .take()));
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].state, TableState::live);
  EXPECT_TRUE(same_shape(*frontier.tables[0].schema, *second));
  EXPECT_THAT(query("SELECT id, a, b, c, d FROM public.t ORDER BY id"),
              ElementsAre("2|new|a2|it's the default|1970-01-01", "3|was b|was a|c3|NULL", "4|NULL|NULL|NULL|infinity"));
  reopen();
  EXPECT_TRUE(same_shape(*open().tables[0].schema, *second));
  apply_ops(200, live(ChunkMaker(second).row(RowOp::insert, {n(5), s("x"), s("y"), kNull, kNull}, 200, 0).take()));
  EXPECT_THAT(query("SELECT c, d FROM public.t WHERE id = 5"), ElementsAre("NULL|NULL"));  // the default was only for older rows
}

TEST_F(ShapeChangeTest, missing_values_of_every_type) {
  open();
  std::vector<ColumnSchema> columns{column("id", 1, ValueKind::int64)};
  make_table(shape(1, kName, columns, {0}));
  apply_ops(100, live(ChunkMaker(shape(1, kName, columns, {0})).row(RowOp::insert, {n(1)}, 100, 0).take()));
  const auto add = [&](ValueKind kind, const Value& value, std::uint8_t precision = 0, std::uint8_t scale = 0) {
    ColumnSchema c = column("c" + std::to_string(columns.size()), static_cast<std::int16_t>(columns.size() + 1), kind, precision, scale);
    if (kind == ValueKind::list) c.value.element = std::make_shared<ValueType>(ValueType{ValueKind::int32, 0, 0, nullptr});
    c.missing_value = one_value(c, value);
    columns.push_back(std::move(c));
  };
  add(ValueKind::boolean, n(1));
  add(ValueKind::int16, n(-5));
  add(ValueKind::uint64, n(-1));
  add(ValueKind::float32, 0.1);
  add(ValueKind::float64, std::numeric_limits<double>::infinity());
  add(ValueKind::decimal, n(-5), 30, 3);
  add(ValueKind::json, s("{\"a\":  1.10}"));
  add(ValueKind::binary, s(std::string("\0'\xff", 3)));
  add(ValueKind::time, n(86'400'000'000));
  add(ValueKind::time_tz, n(-3661));
  add(ValueKind::timestamp, n(-kTimestampInfinity));
  add(ValueKind::timestamp_tz, n(-62'135'596'800'000'001));
  add(ValueKind::interval, n(14'003));
  add(ValueKind::uuid, s("0123456789abcdef"));
  add(ValueKind::list, std::vector<std::optional<std::int64_t>>{1, std::nullopt, 3});
  const auto wide = shape(1, kName, columns, {0});
  std::vector<Value> row{n(2)};
  row.resize(columns.size(), kNull);
  apply_ops(200, live(ChunkMaker(wide).row(RowOp::insert, row, 200, 0).take()));
  EXPECT_THAT(query("SELECT * FROM public.t WHERE id = 1"),
              ElementsAre("1|true|-5|18446744073709551615|0.1|inf|-0.005|{\"a\":  1.10}|\\x00\\x27\\xFF|24:00:00|12:00:00-01:01:01|-infinity|"
                          "0001-12-31 (BC) 23:59:59.999999+00|1 year 2 months 3 days|30313233-3435-3637-3839-616263646566|[1, NULL, 3]"));
}

TEST_F(ShapeChangeTest, wider_types_are_cast_others_stop_the_table) {
  open();
  const auto first = shape(1, kName, {column("id", 1, ValueKind::int32), column("v", 2, ValueKind::decimal, 5, 2)}, {0});
  make_table(first);
  apply_ops(100, live(ChunkMaker(first).row(RowOp::insert, {n(1), n(12345)}, 100, 0).take()));
  const auto wider = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::decimal, 20, 4)}, {0});
  apply_ops(200, live(ChunkMaker(wider).row(RowOp::update, {n(1), kAbsent}, 200, 0).row(RowOp::insert, {n(5'000'000'000), n(1)}, 200, 1).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.t ORDER BY id"), ElementsAre("1|123.4500", "5000000000|0.0001"));
  const auto text = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text)}, {0});
  apply_ops(300, live(ChunkMaker(text).row(RowOp::insert, {n(7), s("x")}, 300, 0).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.t ORDER BY id"), ElementsAre("1|123.4500", "7|x", "5000000000|0.0001"));
  const auto narrow = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::boolean)}, {0});
  const Frontier frontier = apply_ops(400, live(ChunkMaker(narrow).row(RowOp::insert, {n(8), n(1)}, 400, 3).take()));
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "retyped");
  EXPECT_EQ(frontier.tables[0].quarantine->column, "v");
  EXPECT_EQ(frontier.tables[0].quarantine->position, (Position{1, Lsn{400}, 3}));
  EXPECT_THAT(query("SELECT count(*) FROM public.t"), ElementsAre("3"));
}

TEST_F(ShapeChangeTest, names_that_fold_together_stop_the_table) {
  open();
  const auto first = shape(1, kName, {column("id", 1, ValueKind::int64)}, {0});
  make_table(first);
  const auto folding = shape(1, kName, {column("id", 1, ValueKind::int64), column("ID", 2, ValueKind::text)}, {0});
  Frontier frontier = apply_ops(100, live(ChunkMaker(folding).row(RowOp::insert, {n(1), kNull}, 100, 0).take()));
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "names_fold");
  EXPECT_THAT(frontier.tables[0].quarantine->reason, HasSubstr("names fold together"));

  const auto upper = shape(2, {"public", "T"}, {column("id", 1, ValueKind::int64)}, {0});
  apply_ops(100, set(upper, TableState::waiting, 1));
  copy(upper, 1, {});
  frontier = apply_ops(100, FinishCopy{2, 1, {}, upper, 0});
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].oid, 2U);
  EXPECT_EQ(frontier.tables[0].quarantine->code, "names_fold");
  auto refused = destination_->begin_copy(shape(3, {"public", "u"}, {column("x", 1, ValueKind::int64), column("X", 2, ValueKind::int64)}, {0}), 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().recovery, Recovery::quarantine_table);
}

TEST_F(ShapeChangeTest, tables_follow_their_names) {
  open();
  const auto columns = [] { return std::vector<ColumnSchema>{column("id", 1, ValueKind::int64)}; };
  const auto old_orders = shape(1, {"public", "orders"}, columns(), {0});
  const auto new_orders = shape(2, {"public", "orders_new"}, columns(), {0});
  make_table(old_orders);
  make_table(new_orders);
  apply_ops(100, live(ChunkMaker(old_orders).row(RowOp::insert, {n(1)}, 100, 0).take()),
            live(ChunkMaker(new_orders).row(RowOp::insert, {n(2)}, 100, 1).take()));
  // ALTER TABLE orders RENAME TO orders_old; ALTER TABLE orders_new RENAME TO orders: only the second table has rows afterwards.
  const auto renamed = shape(2, {"public", "orders"}, columns(), {0});
  const Frontier frontier = apply_ops(200, live(ChunkMaker(renamed).row(RowOp::insert, {n(3)}, 200, 0).take()));
  ASSERT_EQ(frontier.tables.size(), 1U);
  EXPECT_EQ(frontier.tables[0].name.table, "orders");
  EXPECT_THAT(query("SELECT id FROM public.orders ORDER BY id"), ElementsAre("2", "3"));
  EXPECT_THAT(query("SELECT id FROM public.orders__1"), ElementsAre("1"));
  // Now the first one speaks too.
  const auto stepped_aside = shape(1, {"public", "orders_old"}, columns(), {0});
  apply_ops(300, live(ChunkMaker(stepped_aside).row(RowOp::insert, {n(9)}, 300, 0).take()));
  EXPECT_THAT(query("SELECT id FROM public.orders_old ORDER BY id"), ElementsAre("1", "9"));
  // Into another schema, with a name that needs quotes; and only the case changes.
  const auto moved = shape(1, {"Archive 2024", "or\"ders"}, columns(), {0});
  apply_ops(400, live(ChunkMaker(moved).row(RowOp::remove, {n(1)}, 400, 0).row(RowOp::insert, {n(10)}, 400, 1).take()));
  EXPECT_THAT(query("SELECT id FROM \"Archive 2024\".\"or\"\"ders\" ORDER BY id"), ElementsAre("9", "10"));
  const auto shouted = shape(2, {"public", "ORDERS"}, columns(), {0});
  apply_ops(500, live(ChunkMaker(shouted).row(RowOp::insert, {n(11)}, 500, 0).take()));
  EXPECT_THAT(query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'public'"), ElementsAre("ORDERS"));
  reopen();
  apply_ops(600, live(ChunkMaker(shouted).row(RowOp::insert, {n(12)}, 600, 0).take()));
  EXPECT_THAT(query("SELECT id FROM public.orders ORDER BY id"), ElementsAre("2", "3", "11", "12"));
}

TEST(ShapePlan, no_change_is_no_action) {
  const auto a = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text)}, {0});
  const auto b = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text)}, {0, 1});
  EXPECT_THAT(plan_shape_change(*a, *b, false).actions, IsEmpty());
}

TEST(ShapePlan, a_log_keeps_dropped_columns) {
  const auto a = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text)}, {0});
  const auto b = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 3, ValueKind::int64)}, {0});
  EXPECT_THAT(plan_shape_change(*a, *b, true).actions, ElementsAre("RENAME COLUMN \"v\" TO \"v__dropped_2\"", "ADD COLUMN \"v\" BIGINT"));
}

TEST(ShapePlan, a_log_that_is_copied_anew_keeps_retyped_columns) {
  const auto a = shape(1, kName, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text), column("w", 3, ValueKind::text)}, {0});
  const auto b = shape(1, kName, {column("id", 1, ValueKind::int64), column("w", 2, ValueKind::date), column("v", 3, ValueKind::text)}, {0});
  EXPECT_TRUE(plan_shape_change(*a, *b, true).refused);
  EXPECT_TRUE(plan_shape_change(*a, *b, false, 4).refused);
  EXPECT_THAT(plan_shape_change(*a, *b, true, 4).actions,
              ElementsAre("RENAME COLUMN \"v\" TO \"v__retyped_4\"", "RENAME COLUMN \"w\" TO \"_luge_renamed_3\"",
                          "RENAME COLUMN \"_luge_renamed_3\" TO \"v\"", "ADD COLUMN \"w\" DATE"));
}

}  // namespace
}  // namespace luge::mirror_test
