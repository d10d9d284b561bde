#include <atomic>

#include "destination/snowflake/current_state/current_state_test_support.h"
#include "destination/snowflake/current_state/merge_scheduler.h"
#include "destination/snowflake/ddl/table_ddl.h"

namespace luge {
namespace {

using std::chrono::seconds;

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return {micros.load()}; }
  PgTimestamp wall_now() const override { return {micros.load()}; }
  void pass(Duration duration) { micros += duration.count(); }
  std::atomic<std::int64_t> micros{1'000'000};
};

Position at(std::uint64_t lsn, std::uint64_t ordinal = 0) { return {1, Lsn{lsn}, ordinal}; }
Position end_of(std::uint64_t lsn) { return at(lsn, UINT64_MAX); }

class MergeSchedulerTest : public testing::Test {
 protected:
  void SetUp() override {
    emulator_.sql("CREATE OR REPLACE SCHEMA DB.MERGED");
    settings_.schema = "MERGED";
    settings_.pipeline = "test";
    settings_.on_missing = [this](RelationOid oid, const Error& error) { missing_.push_back(std::to_string(oid) + " " + error.code); };
    for (const RelationOid oid : {1U, 2U}) {
      sql_.run(create_log_sql(layout(oid)));
      sql_.run(create_state_sql(layout(oid)));
    }
  }
  void TearDown() override { emulator_.calm(); }

  static TableLayout layout(RelationOid oid) {
    TableLayout made{{"MERGED", "T" + std::to_string(oid), "T" + std::to_string(oid) + "__LOG"}, {}, false};
    for (const char* name : {"ID", "V"}) {
      LayoutColumn& column = made.columns.emplace_back();
      column.attnum = static_cast<std::int16_t>(made.columns.size());
      column.name = name;
      column.type = "VARCHAR";
    }
    made.columns[0].key = true;
    return made;
  }
  MergeScheduler::Table table(RelationOid oid, std::uint64_t generation = 0) const {
    MergeScheduler::Table made;
    made.layout = layout(oid);
    made.floor = {{1, Lsn{0}, 0}, generation};
    made.interval = seconds(60);
    return made;
  }
  void write(RelationOid oid, std::uint64_t lsn, char op, const std::string& id, const std::string& value, std::optional<std::string> old = {},
             std::optional<std::string> present = {}) {
    LogRow row{at(lsn, ordinal_++), op, 700, std::move(present), std::nullopt, {}};
    if (op != 't') row.values = {{"ID", id}};
    if (!value.empty()) row.values["V"] = value;
    if (old) row.old_key = nlohmann::json{{"ID", *old}};
    sql_.run(insert_log_sql(layout(oid), {row}));
  }
  std::string state(RelationOid oid) {
    std::string text;
    for (const auto& row : sql_.rows("SELECT \"ID\", \"V\" FROM " + layout(oid).state() + " ORDER BY 1"))
      text += *row[0] + "=" + row[1].value_or("NULL") + " ";
    return text;
  }
  /// Everything that is due now.
  static void settle(MergeScheduler& scheduler) {
    while (scheduler.step().count() == 0) {
    }
  }
  static MergeStatus status(const MergeScheduler& scheduler, RelationOid oid) {
    for (MergeStatus& status : scheduler.statuses()) {
      if (status.oid == oid) return status;
    }
    return {};
  }

  SnowflakeEmulator& emulator_ = SnowflakeEmulator::shared();
  EmulatorSql sql_{emulator_};
  EmulatorSql merging_{emulator_};
  SteppedClock clock_;
  SeededRandom random_{3};
  MergeScheduler::Settings settings_;
  std::vector<std::string> missing_;
  std::uint64_t ordinal_ = 0;
};

TEST_F(MergeSchedulerTest, one_transaction_a_table_and_interval_and_none_while_nothing_changes) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  scheduler.set_table(1, table(1));
  settle(scheduler);
  EXPECT_EQ(status(scheduler, 1).statements, 0U);
  EXPECT_FALSE(scheduler.watermark(1));

  write(1, 16, 'i', "a", "1");
  scheduler.reached(1, end_of(16), 1);
  clock_.pass(seconds(2));
  EXPECT_DOUBLE_EQ(status(scheduler, 1).seconds_behind, 2);
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 ");
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(16));
  EXPECT_DOUBLE_EQ(status(scheduler, 1).seconds_behind, 0);

  const std::uint64_t statements = status(scheduler, 1).statements;
  write(1, 32, 'u', "a", "2");
  scheduler.reached(1, end_of(32), 1);
  const Duration wait = scheduler.step();
  EXPECT_GT(wait, seconds(50));
  EXPECT_EQ(status(scheduler, 1).statements, statements) << "not before its interval is over";
  clock_.pass(wait);
  settle(scheduler);
  EXPECT_EQ(state(1), "a=2 ");
  const std::uint64_t after = status(scheduler, 1).statements;
  scheduler.reached(1, end_of(48), 0);
  clock_.pass(seconds(600));
  settle(scheduler);
  EXPECT_EQ(status(scheduler, 1).statements, after) << "nothing of this table changed";
}

TEST_F(MergeSchedulerTest, a_table_that_fails_does_not_stop_another_and_goes_on_when_it_is_healed) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  sql_.run("DROP TABLE " + layout(1).state());
  for (const RelationOid oid : {1U, 2U}) {
    write(oid, 16, 'i', "a", "1");
    scheduler.set_table(oid, table(oid));
    scheduler.reached(oid, end_of(16), 1);
  }
  settle(scheduler);
  EXPECT_EQ(missing_, (std::vector<std::string>{"1 002003"}));
  ASSERT_TRUE(status(scheduler, 1).last_error);
  EXPECT_EQ(state(2), "a=1 ");
  for (int i = 0; i < 5; ++i) {
    clock_.pass(seconds(120));
    settle(scheduler);
  }
  EXPECT_GT(missing_.size(), 3U) << "it goes on trying";
  sql_.run(create_state_sql(layout(1)));
  scheduler.set_table(1, table(1));
  clock_.pass(seconds(61));
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 ");
  EXPECT_FALSE(status(scheduler, 1).last_error);
}

TEST_F(MergeSchedulerTest, an_answer_that_was_lost_is_not_merged_twice) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  MergeScheduler::Table keyless = table(1);
  keyless.layout.columns[0].key = false;
  scheduler.set_table(1, keyless);
  write(1, 16, 'i', "a", "1");
  scheduler.reached(1, end_of(16), 1);
  settle(scheduler);
  write(1, 32, 'i', "b", "2");
  scheduler.reached(1, end_of(32), 1);
  clock_.pass(seconds(61));
  emulator_.fault({{"kind", "drop"}, {"path", "/api/v2/statements$"}, {"method", "POST"}, {"count", 2}});
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 b=2 ");
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(32));
  EXPECT_TRUE(emulator_.look("faults").at(0).at("hits") == 2) << emulator_.look("faults").dump();
}

TEST_F(MergeSchedulerTest, the_next_process_goes_on_and_looks_for_what_it_was_not_told) {
  {
    MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
    ASSERT_TRUE(scheduler.load());
    scheduler.set_table(1, table(1));
    write(1, 16, 'i', "a", "1");
    write(1, 16, 'i', "b", "long");
    scheduler.reached(1, end_of(16), 2);
    settle(scheduler);
  }
  write(1, 32, 'u', "c", "", "b", "10");
  write(1, 48, 'u', "d", "", "c", "10");
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(16));
  scheduler.set_table(1, table(1));
  scheduler.reached(1, end_of(48), 1);
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 d=long ");

  write(1, 64, 't', "", "");
  write(1, 64, 'i', "e", "5");
  MergeScheduler third(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(third.load());
  third.set_table(1, table(1));
  third.reached(1, end_of(64), 2);
  settle(third);
  EXPECT_EQ(state(1), "e=5 ");
}

TEST_F(MergeSchedulerTest, a_table_that_was_away_for_a_change_of_its_shape_goes_on_where_it_was) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  scheduler.set_table(1, table(1));
  write(1, 16, 'i', "a", "1");
  scheduler.reached(1, end_of(16), 1);
  settle(scheduler);
  write(1, 32, 'i', "b", "2");
  scheduler.reached(1, end_of(32), 1);
  scheduler.remove_table(1);
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(16));
  scheduler.set_table(1, table(1));
  clock_.pass(seconds(61));
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 b=2 ");
}

TEST_F(MergeSchedulerTest, a_new_copy_begins_a_generation_and_an_old_process_finds_out) {
  MergeScheduler old(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(old.load());
  old.set_table(1, table(1));
  write(1, 16, 'i', "a", "1");
  old.reached(1, end_of(16), 1);
  settle(old);

  EmulatorSql newer_sql(emulator_);
  MergeScheduler newer(newer_sql.client, settings_, clock_, &random_);
  ASSERT_TRUE(newer.load());
  sql_.run("DELETE FROM " + layout(1).state());
  write(1, 32, 'i', "b", "2");
  write(1, 48, 'i', "c", "3");
  MergeScheduler::Table copied = table(1, 1);
  copied.floor.position = end_of(32);
  newer.set_table(1, copied);
  newer.reached(1, end_of(48), 1);
  settle(newer);
  EXPECT_EQ(state(1), "c=3 ");
  EXPECT_EQ(newer.watermark(1)->generation, 1U);

  old.reached(1, end_of(32), 1);
  clock_.pass(seconds(61));
  settle(old);
  EXPECT_EQ(state(1), "c=3 ");
  EXPECT_EQ(missing_, (std::vector<std::string>{"1 superseded"}));
}

TEST_F(MergeSchedulerTest, merged_rows_leave_the_log_when_they_are_old) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  MergeScheduler::Table kept = table(1);
  kept.log_retention = seconds(3600);
  scheduler.set_table(1, kept);
  write(1, 16, 'i', "a", "1");  // committed on 2024-02-29
  scheduler.reached(1, end_of(16), 1);
  settle(scheduler);
  EXPECT_EQ(sql_.rows("SELECT COUNT(*) FROM " + layout(1).log())[0][0], "0");
  write(1, 32, 'i', "b", "2");
  clock_.pass(std::chrono::hours(2));
  settle(scheduler);
  EXPECT_EQ(sql_.rows("SELECT COUNT(*) FROM " + layout(1).log())[0][0], "1") << "not merged yet";
  EXPECT_EQ(state(1), "a=1 ");
}

TEST_F(MergeSchedulerTest, tables_that_are_due_are_merged_to_one_place_which_is_published) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  for (const RelationOid oid : {1U, 2U}) {
    scheduler.set_table(oid, table(oid));
    write(oid, 16, 'i', "a", "1");
    scheduler.reached(oid, end_of(16), 1);
  }
  scheduler.durable(end_of(16));
  EXPECT_EQ(scheduler.step(), Duration(0));  // the first of them
  clock_.pass(seconds(3));
  // What comes meanwhile is the next round's, for both.
  write(2, 32, 'i', "b", "2");
  scheduler.reached(2, end_of(32), 1);
  scheduler.durable(end_of(32));
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 ");
  EXPECT_EQ(state(2), "a=1 ");
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(16));
  EXPECT_EQ(scheduler.watermark(2)->position, end_of(16));
  EXPECT_EQ(scheduler.common(), end_of(16));

  const std::uint64_t statements = status(scheduler, 1).statements;
  clock_.pass(seconds(61));
  settle(scheduler);
  EXPECT_EQ(state(2), "a=1 b=2 ");
  EXPECT_EQ(scheduler.common(), end_of(32)) << "a table with nothing to do is complete";
  EXPECT_EQ(status(scheduler, 1).statements, statements);
  scheduler.durable(end_of(48));
  clock_.pass(seconds(600));
  settle(scheduler);
  EXPECT_EQ(scheduler.common(), end_of(32)) << "nothing runs to publish it";
  const auto published = sql_.rows("SELECT \"POSITION\" FROM MERGED._LUGE_WATERMARKS WHERE TABLE_OID = 0");
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0][0], offset_token(end_of(32)));

  MergeScheduler next(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(next.load());
  EXPECT_EQ(next.common(), end_of(32));
}

TEST_F(MergeSchedulerTest, the_common_position_waits_for_a_table_that_fails_and_not_for_one_that_has_stopped) {
  MergeScheduler scheduler(merging_.client, settings_, clock_, &random_);
  ASSERT_TRUE(scheduler.load());
  for (const RelationOid oid : {1U, 2U}) {
    scheduler.set_table(oid, table(oid));
    write(oid, 16, 'i', "a", "1");
    scheduler.reached(oid, end_of(16), 1);
  }
  scheduler.durable(end_of(16));
  settle(scheduler);
  EXPECT_EQ(scheduler.common(), end_of(16));
  sql_.run("ALTER TABLE " + layout(1).state() + " RENAME TO MERGED.ASIDE");
  for (const RelationOid oid : {1U, 2U}) {
    write(oid, 32, 'i', "b", "2");
    write(oid, 48, 'i', "c", "3");
    scheduler.reached(oid, end_of(48), 1);
  }
  scheduler.durable(end_of(48));
  clock_.pass(seconds(61));
  settle(scheduler);
  EXPECT_EQ(state(2), "a=1 b=2 c=3 ");
  EXPECT_EQ(scheduler.common(), end_of(16));
  sql_.run("ALTER TABLE MERGED.ASIDE RENAME TO " + layout(1).state());
  MergeScheduler::Table stopped = table(1);
  stopped.last = end_of(32);
  scheduler.set_table(1, stopped);
  write(2, 64, 'i', "d", "4");
  scheduler.reached(1, end_of(64), 1);
  scheduler.reached(2, end_of(64), 1);
  scheduler.durable(end_of(64));
  clock_.pass(seconds(61));
  settle(scheduler);
  EXPECT_EQ(state(1), "a=1 b=2 ") << "and nothing behind its end";
  EXPECT_EQ(status(scheduler, 1).oid, 0U) << "it has left";
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(32));
  EXPECT_EQ(scheduler.common(), end_of(64));
}

TEST_F(MergeSchedulerTest, a_reader_holds_the_tables_at_one_position) {
  SystemClock clock;
  MergeScheduler scheduler(merging_.client, settings_, clock, &random_);
  ASSERT_TRUE(scheduler.start());
  for (const RelationOid oid : {1U, 2U}) {
    MergeScheduler::Table quick = table(oid);
    quick.interval = std::chrono::milliseconds(1);
    scheduler.set_table(oid, quick);
    write(oid, 16, 'i', "a", "1");
  }
  scheduler.hold();
  for (const RelationOid oid : {1U, 2U}) scheduler.reached(oid, end_of(16), 1);
  write(1, 32, 'i', "b", "2");
  scheduler.reached(1, end_of(32), 1);
  ASSERT_TRUE(scheduler.merge_all(end_of(16)));
  EXPECT_EQ(state(1), "a=1 ");
  EXPECT_EQ(state(2), "a=1 ");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(scheduler.watermark(1)->position, end_of(16)) << "held";
  scheduler.release();
  for (int i = 0; i < 1000 && scheduler.watermark(1)->position < end_of(32); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(state(1), "a=1 b=2 ");
  sql_.run("DROP TABLE " + layout(2).log());
  scheduler.reached(2, end_of(48), 1);
  const Status failed = scheduler.merge_now(2, end_of(48));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "002003");
  scheduler.stop();
}

}  // namespace
}  // namespace luge
