#include "app/serve/source_relief.h"

#include <gtest/gtest.h>
#include <utility>

namespace luge {
namespace {

WalReport report(const std::string& source, WalLevel level, std::vector<WalAction> actions) {
  WalReport report;
  report.source = source;
  report.verdict.emplace();
  report.verdict->level = level;
  report.verdict->actions = std::move(actions);
  return report;
}

class SourceReliefTest : public testing::Test {
 protected:
  std::vector<std::pair<std::string, Relief>> changes_;
  SourceRelief relief_{[this](const std::string& source, Relief relief) { changes_.emplace_back(source, relief); }};
  using Changes = std::vector<std::pair<std::string, Relief>>;

  static constexpr Relief kNothing{};
  static constexpr Relief kBatches{.pause_copies = false, .larger_batches = true};
  static constexpr Relief kBoth{.pause_copies = true, .larger_batches = true};
};

TEST_F(SourceReliefTest, follows_the_level_up_and_down) {
  const auto warning = report("shop", WalLevel::warning, {WalAction::alert, WalAction::larger_batches});
  const auto danger = report("shop", WalLevel::danger, {WalAction::alert, WalAction::larger_batches, WalAction::pause_copies});
  relief_.follow({report("other", WalLevel::ok, {}), report("shop", WalLevel::ok, {})});
  EXPECT_EQ(changes_, Changes{});
  relief_.follow({warning});
  relief_.follow({warning});
  relief_.follow({danger});
  relief_.follow({warning});
  relief_.follow({report("shop", WalLevel::ok, {})});
  EXPECT_EQ(changes_, (Changes{{"shop", kBatches}, {"shop", kBoth}, {"shop", kBatches}, {"shop", kNothing}}));
}

TEST_F(SourceReliefTest, a_reading_that_fails_changes_nothing) {
  auto danger = report("shop", WalLevel::danger, {WalAction::pause_copies, WalAction::larger_batches});
  relief_.follow({danger});
  danger.error = make_error(Recovery::retry, "57014", "cancelled");
  relief_.follow({danger});
  EXPECT_EQ(changes_, (Changes{{"shop", kBoth}}));
}

TEST_F(SourceReliefTest, of_a_source_that_is_not_watched_any_more_nothing_is_in_force) {
  relief_.follow({report("a", WalLevel::danger, {WalAction::larger_batches}), report("b", WalLevel::danger, {WalAction::larger_batches})});
  relief_.follow({report("b", WalLevel::danger, {WalAction::larger_batches})});
  EXPECT_EQ(changes_, (Changes{{"a", kBatches}, {"b", kBatches}, {"a", kNothing}}));
}

}  // namespace
}  // namespace luge
