#include "pipeline/read_pace.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using Found = ReadPace::Found;
constexpr Duration kFill = std::chrono::milliseconds(500);
constexpr Duration kMs = std::chrono::milliseconds(1);

TEST(ReadPace, GathersForAnInstantWhileATransactionIsOnItsWay) {
  ReadPace pace;
  pace.found(Found::changes, Instant{1000});
  EXPECT_GT(pace.pause(kFill, true), Duration{0});
  EXPECT_LT(pace.pause(kFill, true), kMs);
  EXPECT_EQ(pace.pause(Duration{0}, true), Duration{0}) << "batch_max_fill_ms=0 waits for nothing";
}

TEST(ReadPace, ListensToAServerThatSaysLittle) {
  ReadPace pace;
  Instant now{1'000'000};
  for (int i = 0; i < 50; ++i) {
    now = now + 200 * kMs;  // wal_writer_delay
    pace.found(Found::keepalives, now);
    EXPECT_EQ(pace.pause(kFill, true), Duration{0});
  }
}

TEST(ReadPace, TakesNapsWhileAServerIsBusyWithOtherThings) {
  ReadPace pace;
  Instant now{1'000'000};
  for (int i = 0; i < 50; ++i) {
    now = now + 2 * kMs;
    pace.found(Found::keepalives, now);
  }
  EXPECT_EQ(pace.pause(kFill, true), 50 * kMs);
  EXPECT_EQ(pace.pause(20 * kMs, true), 2 * kMs) << "who wants rows sooner gets them sooner";
  EXPECT_EQ(pace.pause(kFill, false), Duration{0}) << "somebody waits";
  now = now + pace.pause(kFill, true);
  pace.found(Found::keepalives, now);
  EXPECT_EQ(pace.pause(kFill, true), 50 * kMs) << "a nap makes no quiet server";
  pace.found(Found::nothing, now);
  EXPECT_EQ(pace.pause(kFill, true), Duration{0}) << "woken for something else";
}

TEST(ReadPace, ChangesEndTheNaps) {
  ReadPace pace;
  Instant now{1'000'000};
  for (int i = 0; i < 10; ++i) pace.found(Found::keepalives, now = now + kMs);
  pace.found(Found::changes, now);
  EXPECT_LT(pace.pause(kFill, true), kMs);
  pace.found(Found::keepalives, now = now + kMs);
  EXPECT_EQ(pace.pause(kFill, true), Duration{0});
}

}  // namespace
}  // namespace luge
