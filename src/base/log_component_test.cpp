#include "base/log_component.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace luge {
namespace {

class LogComponentTest : public testing::Test {
 protected:
  ~LogComponentTest() override {
    set_log_level(LogLevel::info);
    for (const auto& [component, level] : component_log_levels()) set_log_level(component, std::nullopt);
  }
  static bool writes(LogLevel level) {
    testing::internal::CaptureStderr();
    log_event(level, "tested", "a line");
    return !testing::internal::GetCapturedStderr().empty();
  }
};

TEST_F(LogComponentTest, a_component_has_its_own_level) {
  set_log_level("wal", LogLevel::debug);
  set_log_level("http", LogLevel::error);
  EXPECT_FALSE(writes(LogLevel::debug));
  {
    const LogComponent wal("wal");
    EXPECT_TRUE(writes(LogLevel::debug));
    {
      const LogComponent http("http");
      EXPECT_FALSE(writes(LogLevel::warn));
      EXPECT_TRUE(writes(LogLevel::error));
    }
    EXPECT_TRUE(writes(LogLevel::debug)) << "the outer one again";
    set_log_level("wal", std::nullopt);
    EXPECT_FALSE(writes(LogLevel::debug));
  }
  EXPECT_TRUE(writes(LogLevel::info));
  EXPECT_EQ(component_log_levels(), (std::map<std::string, LogLevel>{{"http", LogLevel::error}}));
}

TEST_F(LogComponentTest, so_has_a_pipeline_whoever_works_for_it) {
  set_log_level("pipeline/shop", LogLevel::debug);
  set_log_level("manager", LogLevel::error);
  const LogComponent manager("manager");
  const LogScope shop("shop");
  EXPECT_TRUE(writes(LogLevel::debug));
  bool on_its_thread = false;
  InLogContext([&] { on_its_thread = writes(LogLevel::debug); })();
  EXPECT_TRUE(on_its_thread);
  const LogScope other("other");
  EXPECT_FALSE(writes(LogLevel::debug));
  EXPECT_TRUE(writes(LogLevel::info)) << "it has none: that of all";
}

TEST_F(LogComponentTest, the_level_of_all_is_that_of_the_rest) {
  set_log_level("wal", LogLevel::info);
  set_log_level(LogLevel::error);
  EXPECT_FALSE(writes(LogLevel::warn));
  const LogComponent wal("wal");
  EXPECT_TRUE(writes(LogLevel::info));
  const LogComponent http("http");
  EXPECT_FALSE(writes(LogLevel::warn));
}

}  // namespace
}  // namespace luge
