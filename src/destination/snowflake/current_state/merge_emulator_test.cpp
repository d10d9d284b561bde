#include "destination/snowflake/current_state/merge_history_test_support.h"
#include "destination/snowflake/current_state/state_view.h"
#include "destination/snowflake/ddl/table_ddl.h"

namespace luge {
namespace {

constexpr RelationOid kOid = 16384;

/// Rows that only one side has, + for what should not be there, - for what should.
std::string difference(const MergeHistory::Table& got, const MergeHistory::Table& wanted) {
  std::string text;
  const auto add = [&text](const char* sign, const MergeHistory::Table& rows) {
    for (const auto& row : rows) {
      text += sign;
      for (const auto& value : row) text += " " + value.value_or("NULL");
      text += "\n";
    }
  };
  MergeHistory::Table only;
  std::set_difference(got.begin(), got.end(), wanted.begin(), wanted.end(), std::back_inserter(only));
  add("+", only);
  only.clear();
  std::set_difference(wanted.begin(), wanted.end(), got.begin(), got.end(), std::back_inserter(only));
  add("-", only);
  return text;
}

/// Merges a history window by window into an emulated table, as the scheduler would, and compares at each cut.
class MergeRun {
 public:
  MergeRun(EmulatorSql& sql, MergeHistory& history, std::uint64_t seed)
      : sql_(sql), history_(history), layout_(history.layout), random_(seed), watermarks_("PUBLIC", layout_.place.state) {}

  void prepare() {
    sql_.run("CREATE OR REPLACE TABLE " + layout_.log() + create_log_sql(layout_).substr(("CREATE TABLE IF NOT EXISTS " + layout_.log()).size()));
    sql_.run("DROP TABLE IF EXISTS " + layout_.state());
    sql_.run(create_state_sql(layout_));
    sql_.run(insert_log_sql(layout_, history_.log));
    sql_.run(watermarks_.create_sql());
    sql_.run(watermarks_.forget_sql(kOid));
    sql_.run(watermarks_.begin_sql(kOid, {history_.floor, 1}));
    if (!history_.copied.empty()) {
      std::string columns;
      for (const LayoutColumn& column : layout_.columns) columns += snowflake_identifier(column.name) + ", ";
      sql_.run("INSERT INTO " + layout_.state() + " (" + columns + "\"_LUGE_POSITION\") SELECT " + columns + "\"_LUGE_POSITION\" FROM " +
               layout_.log() + " WHERE \"_LUGE_XID\" IS NULL");
    }
  }

  void merge_all() {
    std::size_t number = history_.first_end();
    Watermark watermark{history_.floor, 1};
    while (number < history_.ends.size() && !testing::Test::HasFailure()) {
      number = std::min(history_.ends.size(), number + random_.below(history_.ends.size() / 3));
      if (number == 0) continue;
      const Position through = history_.ends[number - 1];
      if (through <= watermark.position) {
        if (number == history_.ends.size()) break;
        continue;
      }
      merge(watermark, through);
      ASSERT_EQ(difference(table(layout_.state()), history_.after[number - 1]), "")
          << "window " << offset_token(watermark.position) << " to " << offset_token(through);
      watermark.position = through;
      ++windows;
    }
  }

  void compare_view(bool moved_keys) {
    TableLayout view = layout_;
    view.place.state += "_VIEW";
    StateViewOptions options;
    options.floor = history_.floor;
    options.handover = history_.handover;
    options.moved_keys = moved_keys;
    sql_.run(state_view_sql(view, options));
    ASSERT_EQ(difference(table(view.state()), history_.after.back()), "") << "as a view";
  }

  int windows = 0;
  int repeated = 0;
  int killed = 0;
  std::size_t parts = 0;
  double seconds = 0;

 private:
  MergeHistory::Table table(const std::string& name) {
    const std::string where = layout_.soft_delete ? " WHERE NOT COALESCE(\"_LUGE_DELETED\", FALSE)" : "";
    auto rows = sql_.rows("SELECT \"G\", \"ID\", \"A\", TO_JSON(\"J\"), \"N\", \"C\" FROM " + name + where);
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  void merge(const Watermark& from, const Position& through) {
    MergeWindow window;
    window.from = from;
    window.through = through;
    window.handover = history_.handover;
    window.signature = "first";
    if (random_.chance(1, 2)) {
      window.truncates = window.moved_keys = true;
    } else {
      const auto look = read_look(sql_.run(look_sql(layout_, window)));
      ASSERT_TRUE(look);
      window.truncates = look->truncates;
      window.moved_keys = look->moved_keys;
    }
    if (layout_.keyless()) window.moved_keys = false;
    if (window.moved_keys) {
      const auto found = read_parts(sql_.run(find_parts_sql(layout_, window)));
      ASSERT_TRUE(found);
      window.parts = *found;
      parts += found->size();
    }
    if (random_.chance(1, 5)) {
      SqlStatement broken = merge_sql(layout_, watermarks_, kOid, window);
      broken.text.replace(broken.text.rfind("COMMIT"), 6, "SELECT * FROM \"NOT THERE\"");
      EXPECT_FALSE(sql_.client.run_all(broken));
      ++killed;
    }
    const auto done = sql_.client.run_all(merge_sql(layout_, watermarks_, kOid, window));
    ASSERT_TRUE(done) << done.error().message() << "\n" << merge_sql(layout_, watermarks_, kOid, window).text;
    EXPECT_EQ(done->at(kClaimResult).affected(), 1U);
    if (random_.chance(1, 4)) {
      if (random_.chance(1, 2)) window.signature = "second";
      const auto again = sql_.client.run_all(merge_sql(layout_, watermarks_, kOid, window));
      ASSERT_TRUE(again);
      EXPECT_EQ(again->at(kClaimResult).affected(), 0U);
      ++repeated;
    }
  }

  EmulatorSql& sql_;
  MergeHistory& history_;
  TableLayout layout_;
  SeededRandom random_;
  WatermarkTable watermarks_;
};

class MergeTest : public testing::Test {
 protected:
  void random_histories(MergeHistory::Options options, std::uint64_t seed, int rounds, bool with_view) {
    EmulatorSql sql(SnowflakeEmulator::shared());
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE("seed " + std::to_string(seed + static_cast<std::uint64_t>(round)));
      MergeHistory history("HISTORY", options, seed + static_cast<std::uint64_t>(round));
      MergeRun run(sql, history, seed + static_cast<std::uint64_t>(round));
      run.prepare();
      run.merge_all();
      if (with_view && !HasFailure()) run.compare_view(true);
      if (HasFailure()) return;
      windows_ += run.windows;
      repeated_ += run.repeated;
      killed_ += run.killed;
      parts_ += run.parts;
    }
    RecordProperty("windows", windows_);
    EXPECT_GT(windows_, rounds);
  }
  int windows_ = 0;
  int repeated_ = 0;
  int killed_ = 0;
  std::size_t parts_ = 0;
};

TEST_F(MergeTest, windows_of_random_histories) {
  random_histories({}, 100, 2, true);
  EXPECT_GT(repeated_, 0);
  EXPECT_GT(killed_, 0);
  EXPECT_GT(parts_, 0U) << "key changes without all values had to wait for the old key's row";
}

TEST_F(MergeTest, windows_after_a_copy) { random_histories({.copied = true}, 200, 2, true); }

TEST_F(MergeTest, windows_with_soft_deletion) { random_histories({.soft_delete = true, .copied = true}, 300, 1, false); }

TEST_F(MergeTest, windows_of_a_table_without_a_key) { random_histories({.keyless = true, .copied = true}, 400, 3, true); }

TEST_F(MergeTest, windows_of_a_table_without_a_key_with_soft_deletion) { random_histories({.keyless = true, .soft_delete = true}, 500, 1, false); }

}  // namespace
}  // namespace luge
