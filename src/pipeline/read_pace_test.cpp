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
  for (int i = 0; i < 10; ++i) pace.found(Found::keepalives, now = now + 2 * kMs);
  EXPECT_EQ(pace.pause(kFill, true), 20 * kMs);
  EXPECT_EQ(pace.pause(6 * kMs, true), 3 * kMs) << "who wants rows sooner gets them sooner";
  EXPECT_EQ(pace.pause(kFill, false), Duration{0}) << "somebody waits";
  now = now + pace.pause(kFill, true);
  pace.found(Found::keepalives, now);
  EXPECT_EQ(pace.pause(kFill, true), 20 * kMs) << "a nap makes no quiet server";
  pace.found(Found::nothing, now);
  EXPECT_EQ(pace.pause(kFill, true), Duration{0}) << "woken for something else";
}

TEST(ReadPace, NapsAreASixteenthOfTheTimeWithoutChanges) {
  ReadPace pace;
  const Instant began{1'000'000};
  Instant now = began;
  pace.found(Found::changes, now);
  Duration longest{0};
  while (now - began < std::chrono::seconds(10)) {
    now = now + 5 * kMs + pace.pause(kFill, true);
    pace.found(Found::keepalives, now);
    const Duration nap = pace.pause(kFill, true);
    EXPECT_LE(nap, std::max<Duration>(20 * kMs, (now - began) / 16));
    longest = std::max(longest, nap);
  }
  EXPECT_EQ(longest, 250 * kMs);
  EXPECT_EQ(pace.pause(200 * kMs, true), 100 * kMs) << "rows are found in half the time they may wait";
}

TEST(ReadPace, KnowsHowLongRowsMayHaveLainThere) {
  ReadPace pace;
  Instant now{1'000'000};
  EXPECT_EQ(pace.unread(now, kFill), Duration{0});
  for (int i = 0; i < 10; ++i) pace.found(Found::keepalives, now = now + 2 * kMs);
  EXPECT_EQ(pace.unread(now + 5 * kMs, kFill), 5 * kMs) << "woken early";
  EXPECT_EQ(pace.unread(now + 20 * kMs, kFill), 20 * kMs);
  EXPECT_EQ(pace.unread(now + 9000 * kMs, kFill), 20 * kMs) << "after the nap it would have been woken";
  pace.found(Found::nothing, now);
  EXPECT_EQ(pace.unread(now + 9000 * kMs, kFill), Duration{0});
}

TEST(ReadPace, ChangesEndTheNaps) {
  ReadPace pace;
  Instant now{1'000'000};
  for (int i = 0; i < 10; ++i) pace.found(Found::keepalives, now = now + kMs);
  EXPECT_GT(pace.pause(kFill, true), kMs);
  pace.found(Found::changes, now);
  EXPECT_LT(pace.pause(kFill, true), kMs);
  pace.found(Found::keepalives, now = now + kMs);
  EXPECT_EQ(pace.pause(kFill, true), Duration{0});
}

}  // namespace
}  // namespace luge
