#include <gtest/gtest.h>

#include "destination/snowflake/current_state/current_state_test_support.h"
#include "destination/snowflake/ddl/layout_change.h"
#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/encode/encode_test_support.h"
#include "model/arrow_column.h"

namespace luge {
namespace {

const TableOwner kOwner{"shop", "0b2c"};

class SnowflakeDdlTest : public testing::Test {
 protected:
  void SetUp() override { emulator_.sql("CREATE OR REPLACE SCHEMA DB.SHAPES"); }

  static ColumnSchema column(std::int16_t attnum, const std::string& name, ValueType value, ArrowColumn* missing = nullptr) {
    ColumnSchema made;
    made.attnum = attnum;
    made.name = name;
    made.value = std::move(value);
    if (missing != nullptr) made.missing_value = std::make_shared<const ArrowColumn>(std::move(*missing));
    return made;
  }
  TableLayout layout(std::vector<ColumnSchema> columns) const {
    TableSchema schema;
    schema.name = {"public", "orders"};
    schema.columns = std::move(columns);
    schema.key_columns = {0};
    auto made = make_layout(schema, {"SHAPES", false, false});
    EXPECT_TRUE(made);
    return *made;
  }
  std::optional<ActualColumns> describe(const std::string& table) {
    const auto result = sql_.client.run({describe_sql(table)});
    if (!result) {
      EXPECT_EQ(result.error().code, "002003");
      return std::nullopt;
    }
    ActualColumns columns;
    for (const auto& row : result->rows) columns.push_back({*row[0], *row[1]});
    return columns;
  }
  void run(const std::vector<std::string>& statements) {
    for (const auto& statement : statements) sql_.run(statement);
  }
  /// The statements that were needed.
  std::size_t change(const TableLayout* before, const TableLayout& wanted) {
    const auto log = describe(wanted.log());
    const auto state = describe(wanted.state());
    const LayoutChange log_change = change_log(before, wanted, log ? &*log : nullptr);
    const LayoutChange state_change = change_state(before, wanted, state ? &*state : nullptr);
    run(log_change.statements);
    run(state_change.statements);
    needs_copy_ = state_change.needs_copy;
    return log_change.statements.size() + state_change.statements.size();
  }
  std::vector<FoundTable> found(const TableLayout& layout, std::uint32_t attempt) {
    std::vector<FoundTable> tables;
    for (const auto& row : sql_.rows(find_copy_sql(layout, attempt))) tables.push_back({*row[0], row[1].value_or("")});
    return tables;
  }
  /// How many steps it took.
  int place(const TableLayout& layout, RelationOid oid, std::uint32_t attempt) {
    for (int steps = 0; steps < 4; ++steps) {
      const CopyPlacing next = place_copy_step(layout, attempt, copy_mark(kOwner, oid, 1, attempt), found(layout, attempt));
      EXPECT_NE(next.kind, CopyPlacing::Kind::lost);
      if (next.kind != CopyPlacing::Kind::step) return steps;
      sql_.run(next.statement);
    }
    ADD_FAILURE() << "no end";
    return -1;
  }

  SnowflakeEmulator& emulator_ = SnowflakeEmulator::shared();
  EmulatorSql sql_{emulator_};
  std::optional<std::string> needs_copy_;
};

TEST_F(SnowflakeDdlTest, tables_follow_their_layout_and_a_repeat_does_nothing) {
  const TableLayout first = layout({column(1, "id", plain(ValueKind::int64)), column(2, "Total Sum", decimal(10, 2)),
                                    column(3, "kind", plain(ValueKind::uuid)), column(4, "gone", plain(ValueKind::text))});
  EXPECT_EQ(change(nullptr, first), 2U);
  EXPECT_EQ(change(nullptr, first), 0U);
  run({log_errors_sql(first)});
  sql_.run("INSERT INTO " + first.state() + " (\"ID\", \"TOTAL SUM\", \"KIND\", \"GONE\") VALUES (1, 1.50, 'k', 'g')");

  TableLayout second =
      layout({column(1, "id", plain(ValueKind::int64)), column(2, "total", decimal(12, 2)), column(3, "kind", plain(ValueKind::text))});
  second = evolve_layout(first, second, {1, Lsn{16}, 0});
  ASSERT_EQ(second.columns[1].former_names.size(), 1U);
  EXPECT_EQ(second.columns[1].former_names[0].name, "TOTAL SUM");
  EXPECT_GT(change(&first, second), 0U);
  EXPECT_EQ(change(&first, second), 0U);
  EXPECT_FALSE(needs_copy_);
  EXPECT_EQ(sql_.rows("SELECT * FROM " + second.state()), (EmulatorSql::Rows{{"1", "1.50", "k", std::nullopt}}));
  EXPECT_EQ(describe(second.log())->size(), 9U + 4U) << "the log keeps the dropped column";

  const TableLayout third = evolve_layout(
      second,
      layout({column(1, "id", plain(ValueKind::int64)), column(2, "total", plain(ValueKind::text)), column(3, "kind", plain(ValueKind::text))}),
      {1, Lsn{32}, 0});
  change(&second, third);
  EXPECT_TRUE(needs_copy_);
  EXPECT_EQ(change(&second, third), 0U);
  const auto log = *describe(third.log());
  EXPECT_TRUE(
      std::any_of(log.begin(), log.end(), [](const ActualColumn& found) { return found.name == "TOTAL__OLD_1" && found.type == "NUMBER(12,2)"; }));
}

TEST_F(SnowflakeDdlTest, rows_older_than_a_column_hold_what_postgresql_says) {
  const std::int64_t moment = (18321LL * 86400 + 3661) * 1'000'000 + 500'000;  // 2020-02-29 01:01:01.5
  struct Case {
    ArrowColumn value;
    std::string shown;  ///< as the SQL API has it
  };
  std::vector<Case> cases;
  cases.push_back({boolean_column({true}), "true"});
  cases.push_back({fixed_column<std::int64_t>(plain(ValueKind::int64), {-7}), "-7"});
  cases.push_back({fixed_column<double>(plain(ValueKind::float64), {1.5}), "1.5"});
  cases.push_back({fixed_column<double>(plain(ValueKind::float64), {-std::numeric_limits<double>::infinity()}), "-inf"});
  cases.push_back({bytes_column(plain(ValueKind::text), {"it's \\ \"ü\"\n"}), "it's \\ \"ü\"\n"});
  cases.push_back({bytes_column(plain(ValueKind::json), {R"({"a": "it's \\"})"}), R"({"a":"it's \\"})"});
  cases.push_back({bytes_column(plain(ValueKind::binary), {std::string("\0\xFF", 2)}), "00FF"});
  cases.push_back({fixed_column<std::int32_t>(plain(ValueKind::date), {18321}), "18321"});
  cases.push_back({fixed_column<std::int64_t>(plain(ValueKind::time), {3'661'500'000}), "3661.500000000"});
  cases.push_back({fixed_column<std::int64_t>(plain(ValueKind::timestamp), {moment}), "1582938061.500000000"});
  cases.push_back({fixed_column<std::int64_t>(plain(ValueKind::timestamp_tz), {moment}), "1582938061.500000000 1440"});
  cases.push_back({list_column(fixed_column<std::int32_t>(plain(ValueKind::int32), {1, std::nullopt}), {2}), "[1,null]"});
  const TableLayout before = layout({column(1, "id", plain(ValueKind::int64))});
  change(nullptr, before);
  sql_.run("INSERT INTO " + before.state() + " (\"ID\") VALUES (1)");
  std::vector<ColumnSchema> columns = {column(1, "id", plain(ValueKind::int64))};
  std::vector<std::optional<std::string>> wanted;
  std::string asked;
  for (Case& tried : cases) {
    const std::string name = "c" + std::to_string(columns.size());
    const bool json = tried.value.type.kind == ValueKind::json || tried.value.type.kind == ValueKind::list;
    asked += (asked.empty() ? "" : ", ") +
             (json ? "REPLACE(TO_JSON(\"" + snowflake_name(name, false) + "\"), ' ', '')" : "\"" + snowflake_name(name, false) + "\"");
    wanted.push_back(json && tried.value.type.kind == ValueKind::json ? R"({"a":"it's\\"})" : tried.shown);
    columns.push_back(column(static_cast<std::int16_t>(columns.size() + 1), name, tried.value.type, &tried.value));
  }
  const TableLayout after = evolve_layout(before, layout(columns), {1, Lsn{16}, 0});
  change(&before, after);
  EXPECT_EQ(sql_.rows("SELECT " + asked + " FROM " + after.state()), (EmulatorSql::Rows{wanted}));
}

TEST_F(SnowflakeDdlTest, a_copy_takes_its_place_once) {
  const TableLayout orders = layout({column(1, "id", plain(ValueKind::int64))});
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    run({create_copy_sql(orders, attempt, copy_mark(kOwner, 7, 1, attempt), CopyShape::state)});
    sql_.run("INSERT INTO " + orders.copy(attempt) + " (\"ID\") VALUES (" + std::to_string(attempt) + ")");
    EXPECT_EQ(place(orders, 7, attempt), attempt == 1 ? 1 : 2);
    EXPECT_EQ(place(orders, 7, attempt), 0);
    EXPECT_EQ(sql_.rows("SELECT \"ID\" FROM " + orders.state()), (EmulatorSql::Rows{{std::to_string(attempt)}}));
    EXPECT_FALSE(describe(orders.copy(attempt)));
  }
  run(drop_tables_sql(orders));
  run(drop_tables_sql(orders));
}

TEST_F(SnowflakeDdlTest, a_swap_that_was_carried_out_twice_is_seen) {
  const TableLayout orders = layout({column(1, "id", plain(ValueKind::int64))});
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    run({create_copy_sql(orders, attempt, copy_mark(kOwner, 7, 1, attempt), CopyShape::state)});
    sql_.run("INSERT INTO " + orders.copy(attempt) + " (\"ID\") VALUES (" + std::to_string(attempt) + ")");
    if (attempt == 1) place(orders, 7, attempt);
  }
  const CopyPlacing swap = place_copy_step(orders, 2, copy_mark(kOwner, 7, 1, 2), found(orders, 2));
  for (int i = 0; i < 2; ++i) sql_.run(swap.statement);
  place(orders, 7, 2);
  EXPECT_EQ(sql_.rows("SELECT \"ID\" FROM " + orders.state()), (EmulatorSql::Rows{{"2"}}));
  run(drop_tables_sql(orders));
}

TEST_F(SnowflakeDdlTest, a_copy_that_is_not_there_is_not_placed) {
  const TableLayout orders = layout({column(1, "id", plain(ValueKind::int64))});
  const auto next = [&](std::uint32_t attempt) {
    return place_copy_step(orders, attempt, copy_mark(kOwner, 7, 1, attempt), found(orders, attempt)).kind;
  };
  EXPECT_EQ(next(1), CopyPlacing::Kind::lost);
  run({create_copy_sql(orders, 1, copy_mark(kOwner, 7, 1, 1), CopyShape::state)});
  place(orders, 7, 1);
  EXPECT_EQ(next(1), CopyPlacing::Kind::placed);
  EXPECT_EQ(next(2), CopyPlacing::Kind::lost) << "the old copy is in the place";
  run({create_copy_sql(orders, 2, copy_mark(kOwner, 7, 2, 2), CopyShape::state)});
  EXPECT_EQ(next(2), CopyPlacing::Kind::lost) << "under its name is another one";
  run({drop_copy_sql(orders, 2)});
  run(drop_tables_sql(orders));
}

TEST_F(SnowflakeDdlTest, a_copy_of_another_table_of_that_name_takes_the_place_too) {
  const TableLayout orders = layout({column(1, "id", plain(ValueKind::int64))});
  for (const std::uint32_t oid : {7U, 8U}) {
    run({create_copy_sql(orders, 1, copy_mark(kOwner, oid, 1, 1), CopyShape::state)});
    sql_.run("INSERT INTO " + orders.copy(1) + " (\"ID\") VALUES (" + std::to_string(oid) + ")");
    place(orders, oid, 1);
    EXPECT_EQ(sql_.rows("SELECT \"ID\" FROM " + orders.state()), (EmulatorSql::Rows{{std::to_string(oid)}}));
    EXPECT_FALSE(describe(orders.copy(1)));
  }
  run(drop_tables_sql(orders));
}

}  // namespace
}  // namespace luge
