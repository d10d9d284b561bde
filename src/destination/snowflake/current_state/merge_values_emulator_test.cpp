#include "destination/snowflake/current_state/current_state_test_support.h"
#include "destination/snowflake/current_state/state_view.h"
#include "destination/snowflake/ddl/table_ddl.h"

namespace luge {
namespace {

using Json = nlohmann::json;

/// Values as NdjsonEncoder spells them, of every type a column can have.
const std::vector<std::pair<std::string, std::vector<Json>>>& samples() {
  static const std::vector<std::pair<std::string, std::vector<Json>>> all = {
      {"NUMBER(38,0)", {-7, 9007199254740993LL}},
      {"NUMBER(12,2)", {"-0.05", "12345678.90"}},
      {"FLOAT", {1.5, "NaN", "-inf", 0.1}},
      {"VARCHAR", {"it's \\ \"ü\"\n", ""}},
      {"VARCHAR(36)", {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
      {"BINARY", {"AP8=", ""}},
      {"BOOLEAN", {true, false}},
      {"DATE", {"2020-02-29", "0001-01-01"}},
      {"TIME(6)", {"01:01:01.500000"}},
      {"TIMESTAMP_NTZ(6)", {"2020-02-29T01:01:01.500000"}},
      {"TIMESTAMP_TZ(6)", {"2020-02-29T01:01:01.500000+00:00"}},
      {"VARIANT", {Json{{"a", Json::array({1, nullptr})}, {"b", "x"}}, nullptr, "text", 1}},
      {"ARRAY", {Json::array({1, nullptr, "x"}), Json::array()}},
  };
  return all;
}

class MergeValuesTest : public testing::Test {
 protected:
  void SetUp() override { emulator_.sql("CREATE OR REPLACE SCHEMA DB.VALS"); }

  void make(bool keyless) {
    layout_ = {{"VALS", "T", "T__LOG"}, {}, false};
    add_column("ID", "NUMBER(38,0)");
    for (const auto& [type, values] : samples()) add_column("it's \"" + type + "\"", type);
    layout_.columns[0].key = !keyless;
    sql_.run(create_log_sql(layout_));
    sql_.run(create_state_sql(layout_));
    sql_.run(watermarks_.create_sql());
    sql_.run(watermarks_.begin_sql(1, {{}, 0}));
  }
  void add_column(const std::string& name, const std::string& type) {
    LayoutColumn& column = layout_.columns.emplace_back();
    column.attnum = static_cast<std::int16_t>(layout_.columns.size());
    column.name = name;
    column.type = type;
  }
  std::map<std::string, Json> row(std::size_t number) const {
    std::map<std::string, Json> values = {{"ID", number}};
    for (std::size_t i = 0; i < samples().size(); ++i) {
      const auto& [type, some] = samples()[i];
      if (number < some.size()) values[layout_.columns[i + 1].name] = some[number];  // else NULL
    }
    return values;
  }
  LogRow& add(char op, std::map<std::string, Json> values) {
    rows_.push_back({{1, Lsn{16}, rows_.size()}, op, 700, std::nullopt, std::nullopt, std::move(values)});
    return rows_.back();
  }
  void merge(bool moved_keys = false) {
    sql_.run(insert_log_sql(layout_, rows_));
    MergeWindow window;
    window.from = from_;
    window.through = rows_.back().position;
    window.signature = "x";
    window.moved_keys = moved_keys;
    const auto done = sql_.client.run_all(merge_sql(layout_, watermarks_, 1, window));
    ASSERT_TRUE(done) << done.error().message();
    from_.position = window.through;
    sql_.run("DELETE FROM " + layout_.log());
  }
  std::string count() { return sql_.rows("SELECT COUNT(*) FROM " + layout_.state())[0][0].value_or(""); }

  SnowflakeEmulator& emulator_ = SnowflakeEmulator::shared();
  EmulatorSql sql_{emulator_};
  TableLayout layout_;
  WatermarkTable watermarks_{"VALS", "values"};
  Watermark from_;
  std::vector<LogRow> rows_;
};

TEST_F(MergeValuesTest, rows_without_a_key_are_found_by_values_of_every_type) {
  make(true);
  constexpr std::size_t kRows = 5;  // row 4 is NULL in every column but one
  for (std::size_t number = 0; number < kRows; ++number) {
    add('i', row(number));
    add('i', row(number));
  }
  merge();
  ASSERT_EQ(count(), "10");
  for (std::size_t number = 0; number < kRows; ++number) add('d', row(number));
  for (std::size_t number = 0; number < kRows; ++number) {
    auto changed = row(number);
    changed["ID"] = 100 + number;
    add('u', changed).old_key = Json(row(number));
  }
  rows_.erase(rows_.begin(), rows_.begin() + 2 * kRows);
  merge();
  EXPECT_EQ(count(), "5");
  EXPECT_EQ(sql_.rows("SELECT SUM(\"ID\") FROM " + layout_.state())[0][0], "510");
}

TEST_F(MergeValuesTest, every_value_survives_an_update_that_does_not_carry_it) {
  make(false);
  for (std::size_t number = 0; number < 4; ++number) add('i', row(number));
  merge();
  std::string columns;
  for (std::size_t i = 1; i < layout_.columns.size(); ++i) {
    const bool json = layout_.columns[i].type == "VARIANT" || layout_.columns[i].type == "ARRAY";
    const std::string name = snowflake_identifier(layout_.columns[i].name);
    columns += (i == 1 ? "" : ", ") + (json ? "TO_JSON(" + name + ")" : name);
  }
  const auto before = sql_.rows("SELECT " + columns + " FROM " + layout_.state() + " ORDER BY \"ID\"");
  EXPECT_EQ(before[0][12], R"([1,null,"x"])");
  const auto touch = [&](std::size_t id, std::size_t to) {
    LogRow& made = add('u', {{"ID", to}});
    made.present = "1" + std::string(samples().size(), '0');
    if (id != to) made.old_key = Json{{"ID", id}};
  };
  for (std::size_t number = 0; number < 4; ++number) touch(number, number);
  rows_.erase(rows_.begin(), rows_.begin() + 4);
  merge();
  EXPECT_EQ(sql_.rows("SELECT " + columns + " FROM " + layout_.state() + " ORDER BY \"ID\""), before);
  rows_.erase(rows_.begin(), rows_.end() - 1);
  for (std::size_t number = 0; number < 4; ++number) touch(number, number + 10);
  for (std::size_t i = 1; i < rows_.size(); ++i) rows_[i].position = {1, Lsn{32}, i};
  rows_.erase(rows_.begin());
  merge(true);
  EXPECT_EQ(sql_.rows("SELECT " + columns + " FROM " + layout_.state() + " ORDER BY \"ID\""), before);
  EXPECT_EQ(sql_.rows("SELECT MIN(\"ID\") FROM " + layout_.state())[0][0], "10");
}

TEST_F(MergeValuesTest, what_is_inserted_after_a_deletion_has_nothing_of_the_old_row) {
  make(false);
  add('i', row(0));
  merge();
  rows_.clear();
  add('d', {{"ID", 0}}).position = {1, Lsn{32}, 0};
  LogRow& again = add('i', {{"ID", 0}});
  again.position = {1, Lsn{32}, 1};
  again.present = "1" + std::string(samples().size(), '0');
  merge();
  EXPECT_EQ(sql_.rows("SELECT COUNT(*), COUNT(" + snowflake_identifier(layout_.columns[1].name) + ") FROM " + layout_.state()),
            (EmulatorSql::Rows{{"1", "0"}}));
}

TEST_F(MergeValuesTest, an_old_key_is_read_under_the_name_of_its_time) {
  layout_ = {{"VALS", "T", "T__LOG"}, {}, false};
  add_column("NEW", "NUMBER(38,0)");
  layout_.columns[0].key = true;
  layout_.columns[0].former_names = {{"OLDEST", {1, Lsn{32}, 0}}, {"OLD", {1, Lsn{48}, 0}}};
  sql_.run(create_log_sql(layout_));
  sql_.run(create_state_sql(layout_));
  sql_.run(watermarks_.create_sql());
  sql_.run(watermarks_.begin_sql(1, {{}, 0}));
  add('i', {{"NEW", 1}});
  const std::vector<const char*> names = {"OLDEST", "OLD", "NEW"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    LogRow& moved = add('u', {{"NEW", i + 2}});
    moved.old_key = Json{{names[i], i + 1}};
    moved.position = {1, Lsn{16 * (i + 1)}, 100};
  }
  merge();
  EXPECT_EQ(sql_.rows("SELECT \"NEW\" FROM " + layout_.state()), (EmulatorSql::Rows{{"4"}}));
}

TEST_F(MergeValuesTest, a_copy_goes_into_the_log_and_a_view_shows_it) {
  layout_ = {{"VALS", "T", "T__LOG"}, {}, false};
  add_column("ID", "NUMBER(38,0)");
  add_column("C", "VARCHAR");
  layout_.columns[0].key = true;
  layout_.columns[1].born = Position{1, Lsn{48}, 0};
  layout_.columns[1].missing = "'c0'";
  sql_.run(create_log_sql(layout_));
  for (const auto& [lsn, id] : std::vector<std::pair<std::uint64_t, int>>{{16, 1}, {32, 2}}) {
    add('i', {{"ID", id}}).position = {1, Lsn{lsn}, 0};  // before the column
  }
  sql_.run(insert_log_sql(layout_, rows_));
  sql_.run(create_copy_sql(layout_, 2, copy_mark({"shop", "0b2c"}, 7, 1, 2), CopyShape::log));
  TableLayout copy = layout_;
  copy.place.log = snowflake_copy_name(layout_.place, 2);
  LogRow copied{{1, Lsn{0}, 0}, 'i', std::nullopt, std::nullopt, std::nullopt, {{"ID", 7}, {"C", "seven"}}};
  sql_.run(insert_log_sql(copy, {copied}));
  const LogCopyPlan plan = copy_into_log_sql(layout_, 2, Position{1, Lsn{16}, 9});
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(sql_.client.run_all(plan)) << "again is harmless";
  for (const bool moved_keys : {true, false}) {
    StateViewOptions options;
    options.floor = Position{1, Lsn{16}, 9};
    options.moved_keys = moved_keys;
    sql_.run(state_view_sql(layout_, options));
    EXPECT_EQ(sql_.rows("SELECT \"ID\", \"C\" FROM " + layout_.state() + " ORDER BY 1"), (EmulatorSql::Rows{{"2", "c0"}, {"7", "seven"}}));
  }
}

}  // namespace
}  // namespace luge
