#include "service/wal/wal_reader.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "service/wal/wal_judge.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

/// A server with small limits: a slot that falls behind is lost soon.
TempPostgres& server() {
  static TempPostgres small(TempPostgres::Options{
      .settings = {"max_wal_size=64MB", "min_wal_size=32MB", "max_slot_wal_keep_size=160MB", "checkpoint_timeout=1h"}, .hba = {}});
  return small;
}

/// Every test has a slot "app" of its own.
class WalReaderTest : public testing::Test {
 protected:
  WalReaderTest() { server().run("SELECT pg_create_logical_replication_slot('app', 'pgoutput')"); }
  ~WalReaderTest() override {
    server().run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    server().run("CHECKPOINT");
  }
  static void write_wal(int megabytes) {
    server().run("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1048576))) FROM generate_series(1, " + std::to_string(megabytes) +
                 ")");
  }
  static WalSample read(WalReader& reader) {
    auto sample = reader.read(SystemClock(), {});
    EXPECT_TRUE(sample) << sample.error().message();
    return sample ? *std::move(sample) : WalSample{};
  }
  WalSample read() { return read(reader_); }

  WalReader reader_{server().options(), std::chrono::seconds(5)};
};

TEST_F(WalReaderTest, reads_size_limit_and_slots) {
  write_wal(3);
  const WalSample sample = read();
  EXPECT_GT(sample.at.micros, 0);
  EXPECT_FALSE(sample.standby);
  EXPECT_TRUE(sample.sees_sessions);
  EXPECT_EQ(sample.slot_limit_bytes, 160U << 20);
  EXPECT_LE(sample.here, Lsn::parse(server().run("SELECT pg_current_wal_lsn()")));
  std::uint64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(server().directory() + "/data/pg_wal")) {
    if (entry.is_regular_file()) files += entry.file_size();
  }
  EXPECT_EQ(sample.directory_bytes, files);
  ASSERT_EQ(sample.slots.size(), 1U);
  const SlotSample& slot = sample.slots[0];
  EXPECT_EQ(slot.name, "app");
  EXPECT_TRUE(slot.logical);
  EXPECT_EQ(slot.database, "postgres");
  EXPECT_FALSE(slot.active);
  EXPECT_EQ(slot.reader, "");
  EXPECT_EQ(slot.status, WalStatus::reserved);
  EXPECT_GE(sample.here.value - slot.restart.value, 2U << 20) << "what is not written out yet does not count";
  EXPECT_GE(slot.confirmed, slot.restart);
  ASSERT_TRUE(slot.safe_bytes);
  EXPECT_GT(*slot.safe_bytes, 64 << 20);
  EXPECT_FALSE(sample.oldest);
}

TEST_F(WalReaderTest, without_slots_and_with_a_physical_one) {
  server().run("SELECT pg_drop_replication_slot('app')");
  EXPECT_TRUE(read().slots.empty());
  server().run("SELECT pg_create_physical_replication_slot('standby')");
  const WalSample sample = read();
  ASSERT_EQ(sample.slots.size(), 1U);
  EXPECT_FALSE(sample.slots[0].logical);
  EXPECT_TRUE(sample.slots[0].restart.is_zero()) << "it reserves nothing yet";
  EXPECT_EQ(sample.slots[0].status, WalStatus::unknown);
}

TEST_F(WalReaderTest, a_role_may_gain_and_lose_the_right_to_list_the_directory) {
  server().run("CREATE ROLE watcher LOGIN");
  WalReader reader(server().options("postgres", "watcher"), std::chrono::seconds(5));
  const WalSample plain = read(reader);
  EXPECT_FALSE(plain.directory_bytes);
  EXPECT_FALSE(plain.sees_sessions);
  EXPECT_EQ(plain.slots.size(), 1U);
  server().run("GRANT pg_monitor TO watcher");
  read(reader);  // learns of it
  const WalSample monitor = read(reader);
  EXPECT_GT(monitor.directory_bytes.value_or(0), 0U);
  EXPECT_TRUE(monitor.sees_sessions);
  server().run("REVOKE pg_monitor FROM watcher");
  const auto refused = reader.read(SystemClock(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "42501");
  EXPECT_FALSE(read(reader).directory_bytes);
  server().run("DROP ROLE watcher");
}

TEST_F(WalReaderTest, names_the_oldest_writing_transaction) {
  Connection writer = server().connect();
  ASSERT_TRUE(writer.exec("SET application_name = 'nightly job'"));
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("SELECT pg_current_xact_id()"));
  Connection younger = server().connect();
  ASSERT_TRUE(younger.exec("BEGIN; SELECT pg_current_xact_id()"));
  const WalSample sample = read();
  ASSERT_TRUE(sample.oldest);
  EXPECT_FALSE(sample.oldest->prepared);
  EXPECT_EQ(sample.oldest->pid, writer.backend_pid());
  EXPECT_EQ(sample.oldest->who, "nightly job");
  EXPECT_EQ(sample.oldest->database, "postgres");
  EXPECT_EQ(sample.oldest->state, "idle in transaction");
  ASSERT_TRUE(writer.exec("PREPARE TRANSACTION 'half done'"));
  const WalSample prepared = read();
  ASSERT_TRUE(prepared.oldest);
  EXPECT_TRUE(prepared.oldest->prepared);
  EXPECT_EQ(prepared.oldest->who, "half done");
  server().run("ROLLBACK PREPARED 'half done'");
}

TEST_F(WalReaderTest, a_slot_goes_from_reserved_to_lost_and_the_judge_says_so) {
  WalJudge judge;
  const WalLimits limits;
  WalVerdict verdict;
  std::vector<WalLevel> levels;
  for (int i = 0; i < 30 && (verdict.slots.empty() || verdict.slots[0].status != WalStatus::lost); ++i) {
    write_wal(16);
    if (i % 4 == 3) server().run("CHECKPOINT");
    verdict = judge.judge(read(), limits);
    ASSERT_EQ(verdict.slots.size(), 1U);
    if (levels.empty() || levels.back() != verdict.level) levels.push_back(verdict.level);
    if (verdict.slots[0].status != WalStatus::lost && verdict.retained_bytes > (80U << 20)) {
      EXPECT_EQ(verdict.slots[0].pin.who, WalPin::Who::no_reader);
    }
  }
  EXPECT_EQ(verdict.slots[0].status, WalStatus::lost);
  EXPECT_EQ(verdict.level, WalLevel::danger);
  EXPECT_EQ(levels.front(), WalLevel::ok);
  EXPECT_EQ(verdict.reasons.front().rfind("slot app is lost", 0), 0U) << verdict.reasons.front();
}

TEST_F(WalReaderTest, errors_are_told_and_the_next_reading_connects_anew) {
  WalReader reader(server().options(), std::chrono::seconds(5));
  read(reader);
  server().run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
  const auto ended = reader.read(SystemClock(), {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().recovery, Recovery::reconnect);
  EXPECT_EQ(read(reader).slots.size(), 1U);
  WalReader nowhere(server().options("no_such_database"), std::chrono::seconds(5));
  const auto refused = nowhere.read(SystemClock(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "3D000");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(reader.read(SystemClock(), stop.get_token()).error().code, "stopped");
}

}  // namespace
}  // namespace luge
