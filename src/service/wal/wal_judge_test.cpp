#include "service/wal/wal_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace luge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;

/// Readings of one source every 10 seconds.
class WalJudgeTest : public testing::Test {
 protected:
  WalJudgeTest() {
    sample_.here = {100 * kGiB};
    sample_.directory_bytes = kGiB;
    add_slot("luge_app", 10 * kMiB);
    limits_.on_danger = {WalAction::alert, WalAction::pause_copies};
  }

  SlotSample& add_slot(const std::string& name, std::uint64_t retained) {
    SlotSample slot;
    slot.name = name;
    slot.active = true;
    slot.restart = {sample_.here.value - retained};
    slot.confirmed = sample_.here;
    slot.status = WalStatus::reserved;
    sample_.slots.push_back(slot);
    return sample_.slots.back();
  }
  WalVerdict next() {
    sample_.at = sample_.at + std::chrono::seconds(10);
    return judge_.judge(sample_, limits_, own_);
  }
  WalVerdict next(std::uint64_t directory_bytes) {
    sample_.directory_bytes = directory_bytes;
    return next();
  }
  /// The source writes; luge's slot does not move.
  WalVerdict write(std::uint64_t bytes) {
    sample_.here.value += bytes;
    sample_.directory_bytes = *sample_.directory_bytes + bytes;
    if (sample_.slots[0].safe_bytes) *sample_.slots[0].safe_bytes -= static_cast<std::int64_t>(bytes);
    return next();
  }

  WalSample sample_;
  WalLimits limits_;
  std::vector<std::string> own_;
  WalJudge judge_;
};

TEST_F(WalJudgeTest, a_quiet_source_is_ok) {
  for (int i = 0; i < 5; ++i) {
    const WalVerdict verdict = next();
    EXPECT_EQ(verdict.level, WalLevel::ok);
    EXPECT_THAT(verdict.reasons, IsEmpty());
    EXPECT_THAT(verdict.actions, IsEmpty());
    EXPECT_EQ(verdict.wal_bytes, kGiB);
    EXPECT_TRUE(verdict.wal_bytes_from_directory);
    EXPECT_EQ(verdict.retained_bytes, 10 * kMiB);
    EXPECT_FALSE(verdict.time_left);
    ASSERT_EQ(verdict.slots.size(), 1U);
    EXPECT_EQ(verdict.slots[0].retained_bytes, 10 * kMiB);
  }
}

TEST_F(WalJudgeTest, the_size_of_the_directory_has_two_thresholds) {
  EXPECT_EQ(next(10 * kGiB - 1).level, WalLevel::ok);
  const WalVerdict warning = next(10 * kGiB);
  EXPECT_EQ(warning.level, WalLevel::warning);
  EXPECT_THAT(warning.reasons, ElementsAre("the WAL directory holds 10 GiB"));
  EXPECT_THAT(warning.actions, ElementsAre(WalAction::alert));
  EXPECT_FALSE(warning.calls_for(WalAction::pause_copies));
  const WalVerdict danger = next(50 * kGiB);
  EXPECT_EQ(danger.level, WalLevel::danger);
  EXPECT_TRUE(danger.calls_for(WalAction::pause_copies));
}

TEST_F(WalJudgeTest, what_is_done_at_a_warning_is_done_in_danger_too) {
  limits_.on_warning = {WalAction::alert, WalAction::larger_batches};
  EXPECT_THAT(next(10 * kGiB).actions, ElementsAre(WalAction::alert, WalAction::larger_batches));
  EXPECT_THAT(next(50 * kGiB).actions, ElementsAre(WalAction::alert, WalAction::larger_batches, WalAction::pause_copies));
}

TEST_F(WalJudgeTest, without_the_right_to_list_it_what_slots_retain_is_the_size) {
  sample_.directory_bytes.reset();
  add_slot("other", 12 * kGiB);
  const WalVerdict verdict = next();
  EXPECT_FALSE(verdict.wal_bytes_from_directory);
  EXPECT_EQ(verdict.wal_bytes, 12 * kGiB);
  EXPECT_EQ(verdict.level, WalLevel::warning);
  EXPECT_THAT(verdict.reasons, ElementsAre("slots hold WAL of 12 GiB", HasSubstr("furthest behind")));
}

TEST_F(WalJudgeTest, a_level_ends_only_after_calm_readings_beyond_the_margin) {
  EXPECT_EQ(next(11 * kGiB).level, WalLevel::warning);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(next(9 * kGiB).level, WalLevel::warning) << "within the margin of 20 %";
  EXPECT_EQ(next(7 * kGiB).level, WalLevel::warning);
  const WalVerdict second = next(7 * kGiB);
  EXPECT_EQ(second.level, WalLevel::warning);
  EXPECT_THAT(second.reasons, ElementsAre("it is better, but not for long yet"));
  EXPECT_EQ(next(9 * kGiB).level, WalLevel::warning) << "calm begins anew";
  EXPECT_EQ(next(7 * kGiB).level, WalLevel::warning);
  EXPECT_EQ(next(7 * kGiB).level, WalLevel::warning);
  EXPECT_EQ(next(7 * kGiB).level, WalLevel::ok);
}

TEST_F(WalJudgeTest, danger_steps_down_to_what_is_still_held_up) {
  EXPECT_EQ(next(60 * kGiB).level, WalLevel::danger);
  next(11 * kGiB);
  next(11 * kGiB);
  EXPECT_EQ(next(11 * kGiB).level, WalLevel::warning);
}

TEST_F(WalJudgeTest, swinging_around_a_threshold_changes_the_level_once) {
  int changes = 0;
  WalLevel last = WalLevel::ok;
  for (int i = 0; i < 200; ++i) {
    const WalLevel level = next(10 * kGiB + (i % 2 == 0 ? 500 * kMiB : 0) - (i % 3 == 0 ? 700 * kMiB : 0)).level;
    changes += level == last ? 0 : 1;
    last = level;
  }
  EXPECT_EQ(changes, 1);
}

TEST_F(WalJudgeTest, counts_down_to_the_loss_of_a_slot) {
  sample_.slot_limit_bytes = 100 * kGiB;
  sample_.slots[0].safe_bytes = static_cast<std::int64_t>(90 * kGiB);
  limits_.retained = {0, 0};
  limits_.wal_size = {0, 0};
  WalVerdict verdict;
  for (int i = 0; i < 3; ++i) verdict = write(100 * kMiB);
  ASSERT_TRUE(verdict.time_left) << "shown as soon as there is a rate";
  EXPECT_EQ(verdict.level, WalLevel::ok) << "90 GiB at 10 MiB/s are two and a half hours, but it may be one tooth of a saw";
  for (int i = 0; i < 3; ++i) verdict = write(100 * kMiB);
  EXPECT_EQ(verdict.level, WalLevel::warning);
  EXPECT_EQ(verdict.time_left_until, "slot luge_app is lost");
  EXPECT_NEAR(static_cast<double>(verdict.time_left->count()) / 1e6, static_cast<double>(90 * kGiB - 600 * kMiB) / static_cast<double>(10 * kMiB), 1);
  EXPECT_NEAR(*verdict.slots[0].bytes_per_second, static_cast<double>(10 * kMiB), 1);
  EXPECT_NEAR(*verdict.written_per_second, static_cast<double>(10 * kMiB), 1);
  EXPECT_EQ(verdict.slots[0].time_left, verdict.time_left);
  EXPECT_THAT(verdict.reasons, ElementsAre("slot luge_app is lost in 2 h 32 min at the present rate"));
}

TEST_F(WalJudgeTest, a_slot_that_keeps_up_with_a_busy_source_is_no_danger) {
  sample_.slot_limit_bytes = 20 * kGiB;
  limits_.warning_time_left = std::chrono::hours(1);
  limits_.wal_size = {0, 0};
  for (int i = 0; i < 200; ++i) {  // 40 MiB/s; the slot moves every 15 s to what was written 5 s before
    sample_.at = sample_.at + std::chrono::seconds(5);
    sample_.here.value += 200 * kMiB;
    if (i % 3 == 0) sample_.slots[0].restart = {sample_.here.value - 200 * kMiB};
    sample_.slots[0].safe_bytes = static_cast<std::int64_t>(sample_.slots[0].restart.value + 20 * kGiB - sample_.here.value);
    EXPECT_EQ(judge_.judge(sample_, limits_, own_).level, WalLevel::ok) << i;
  }
}

TEST_F(WalJudgeTest, little_room_is_a_level_without_any_rate) {
  sample_.slot_limit_bytes = 10 * kGiB;
  sample_.slots[0].safe_bytes = static_cast<std::int64_t>(2 * kGiB);
  const WalVerdict warning = next();
  EXPECT_EQ(warning.level, WalLevel::warning);
  EXPECT_THAT(warning.reasons, ElementsAre("slot luge_app has 2 GiB (20 %) left of max_slot_wal_keep_size"));
  sample_.slots[0].safe_bytes = static_cast<std::int64_t>(kGiB);
  EXPECT_EQ(next().level, WalLevel::danger);
  sample_.slots[0].safe_bytes = -5;
  const WalVerdict none = next();
  EXPECT_EQ(none.slots[0].safe_bytes, 0U);
  EXPECT_EQ(none.time_left, Duration(0));
}

TEST_F(WalJudgeTest, a_slot_beyond_its_limit_or_lost_is_danger) {
  sample_.slots[0].status = WalStatus::unreserved;
  EXPECT_EQ(next().level, WalLevel::danger);
  sample_.slots[0].status = WalStatus::lost;
  sample_.slots[0].restart = {};
  sample_.slots[0].invalidation = "wal_removed";
  const WalVerdict lost = next();
  EXPECT_EQ(lost.level, WalLevel::danger);
  EXPECT_THAT(lost.reasons, ElementsAre("slot luge_app is lost (wal_removed)"));
  EXPECT_EQ(lost.retained_bytes, 0U);
}

TEST_F(WalJudgeTest, anothers_slot_counts_for_the_disk_only) {
  own_ = {"luge_app"};
  add_slot("standby", 0).status = WalStatus::lost;
  sample_.slots[1].restart = {};
  EXPECT_EQ(next().level, WalLevel::ok);
  add_slot("audit", 20 * kGiB).active = false;
  const WalVerdict verdict = next();
  EXPECT_EQ(verdict.level, WalLevel::warning);
  EXPECT_EQ(verdict.retained_bytes, 20 * kGiB);
  EXPECT_THAT(verdict.pinned_by, HasSubstr("nobody reads slot audit"));
  EXPECT_FALSE(verdict.slots[2].own);
}

TEST_F(WalJudgeTest, a_disk_limit_counts_down_too) {
  limits_.disk_limit_bytes = 8 * kGiB;
  limits_.warning_time_left = std::chrono::hours(1);
  WalVerdict verdict;
  for (int i = 0; i < 6; ++i) verdict = write(100 * kMiB);
  EXPECT_EQ(verdict.time_left_until, "the disk limit is reached");
  EXPECT_EQ(verdict.level, WalLevel::danger) << "11 minutes";
  EXPECT_EQ(next(8 * kGiB).time_left, Duration(0));
}

TEST_F(WalJudgeTest, another_server_begins_anew) {
  for (int i = 0; i < 6; ++i) write(100 * kMiB);
  sample_.here = {50 * kGiB};
  sample_.slots[0].restart = {50 * kGiB - kMiB};
  sample_.slots[0].confirmed = sample_.here;
  const WalVerdict verdict = next();
  EXPECT_FALSE(verdict.written_per_second);
  EXPECT_FALSE(verdict.slots[0].bytes_per_second);
  EXPECT_EQ(verdict.slots[0].retained_bytes, kMiB);
}

TEST_F(WalJudgeTest, the_right_to_list_the_directory_is_no_growth) {
  sample_.directory_bytes.reset();
  for (int i = 0; i < 6; ++i) next();
  EXPECT_FALSE(next(5 * kGiB).growth_per_second);
}

TEST_F(WalJudgeTest, zero_switches_a_threshold_off) {
  limits_.wal_size = {0, 0};
  limits_.retained = {0, 0};
  EXPECT_EQ(next(1000 * kGiB).level, WalLevel::ok);
}

TEST_F(WalJudgeTest, a_source_without_slots) {
  sample_.slots.clear();
  const WalVerdict verdict = next();
  EXPECT_EQ(verdict.retained_bytes, 0U);
  EXPECT_EQ(verdict.level, WalLevel::ok);
}

}  // namespace
}  // namespace luge
