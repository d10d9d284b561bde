#include "destination/snowflake/actors/channel_progress.h"

#include <gtest/gtest.h>

#include "destination/snowflake/encode/offset_token.h"

namespace luge {
namespace {

using Finding = ChannelProgress::Finding;

Position at(std::uint64_t lsn, std::uint64_t ordinal = 0) { return {1, Lsn{lsn}, ordinal}; }

ChannelStatus status(std::optional<Position> token, std::uint64_t inserted, std::uint64_t errors = 0) {
  ChannelStatus status;
  status.code = "SUCCESS";
  if (token) status.committed_token = offset_token(*token);
  status.rows_inserted = inserted;
  status.rows_error_count = errors;
  return status;
}

ChannelProgress fresh() {
  ChannelProgress progress;
  EXPECT_EQ(progress.opened(status(std::nullopt, 0), std::nullopt), Finding::fine);
  return progress;
}

TEST(ChannelProgress, DurableOnlyWhenTokenAndCountAgree) {
  ChannelProgress progress = fresh();
  progress.sent(at(10, 4), 5);
  progress.sent(at(20, 9), 7);
  EXPECT_EQ(progress.observed(status(std::nullopt, 0), Instant{}), Finding::fine);
  EXPECT_FALSE(progress.durable());
  EXPECT_EQ(progress.observed(status(at(10, 4), 5), Instant{}), Finding::fine);
  EXPECT_EQ(progress.durable(), at(10, 4));
  EXPECT_TRUE(progress.outstanding());
  EXPECT_EQ(progress.observed(status(at(20, 9), 12), Instant{}), Finding::fine);
  EXPECT_EQ(progress.durable(), at(20, 9));
  EXPECT_FALSE(progress.outstanding());
  EXPECT_EQ(progress.rows_landed(), 12u);
}

TEST(ChannelProgress, ATokenInsideAPieceCountsOnlyWhatIsBehindIt) {
  ChannelProgress progress = fresh();
  progress.sent(at(10), 5);
  progress.sent(at(20), 5);
  EXPECT_EQ(progress.observed(status(at(15), 8), Instant{}), Finding::fine);
  EXPECT_EQ(progress.durable(), at(10));
}

TEST(ChannelProgress, RejectedRowsAreNeverDurableAlthoughTheTokenMoves) {
  ChannelProgress progress = fresh();
  progress.sent(at(10), 5);
  EXPECT_EQ(progress.observed(status(at(10), 4, 1), Instant{}), Finding::rejected);
  EXPECT_FALSE(progress.durable());
}

TEST(ChannelProgress, MissingRowsAreWaitedForButNotForEver) {
  ChannelProgress progress = fresh();
  progress.sent(at(10), 5);
  EXPECT_EQ(progress.observed(status(at(10), 4), Instant{0}), Finding::fine);
  EXPECT_FALSE(progress.durable());
  EXPECT_EQ(progress.observed(status(at(10), 4), Instant{} + (ChannelProgress::kCountingTime + Duration(1))), Finding::miscounted);
}

TEST(ChannelProgress, TooManyRowsAreAContradiction) {
  ChannelProgress progress = fresh();
  progress.sent(at(10), 5);
  EXPECT_EQ(progress.observed(status(at(10), 6), Instant{}), Finding::miscounted);
}

TEST(ChannelProgress, ATokenOfSomebodyElseIsForeign) {
  ChannelProgress progress;
  ChannelStatus other = status(std::nullopt, 0);
  other.committed_token = "17";
  EXPECT_EQ(progress.opened(other, std::nullopt), Finding::foreign);
}

TEST(ChannelProgress, RowsThatAreNeverCommittedStall) {
  constexpr Duration kLongest = std::chrono::seconds(10);
  ChannelProgress progress = fresh();
  const auto seen = [&](std::optional<Position> token, std::uint64_t inserted, int second) {
    return progress.observed(status(token, inserted), Instant{} + Duration(std::chrono::seconds(second)), kLongest);
  };
  progress.sent(at(10), 5);
  progress.sent(at(20), 5);
  for (int second = 0; second <= 9; ++second) EXPECT_EQ(seen(std::nullopt, 0, second), Finding::fine);
  EXPECT_EQ(seen(at(7), 3, 10), Finding::fine) << "it moves";
  for (int second = 11; second <= 20; ++second) EXPECT_EQ(seen(at(7), 3, second), Finding::fine);
  EXPECT_EQ(seen(at(10), 5, 21), Finding::fine) << "it moves";
  for (int second = 22; second <= 31; ++second) EXPECT_EQ(seen(at(10), 5, second), Finding::fine);
  EXPECT_EQ(seen(at(10), 5, 33), Finding::stalled);
  EXPECT_EQ(seen(at(20), 10, 34), Finding::fine);
  for (int second = 40; second <= 80; ++second) EXPECT_EQ(seen(at(20), 10, second), Finding::fine) << "nothing is on its way";
}

// Snowflake did not answer for an hour: what it did meanwhile shows soon after, or not.
TEST(ChannelProgress, AnOutageIsNoStall) {
  constexpr Duration kLongest = std::chrono::seconds(10);
  ChannelProgress progress = fresh();
  progress.sent(at(10), 5);
  EXPECT_EQ(progress.observed(status(std::nullopt, 0), Instant{}, kLongest), Finding::fine);
  EXPECT_EQ(progress.observed(status(std::nullopt, 0), Instant{} + Duration(std::chrono::hours(1)), kLongest), Finding::fine);
  EXPECT_EQ(progress.observed(status(at(10), 5), Instant{} + Duration(std::chrono::hours(1) + std::chrono::seconds(1)), kLongest), Finding::fine);
  EXPECT_FALSE(progress.outstanding());
}

// A first batch with a refused row, and a kill before the ledger has heard of the channel.
TEST(ChannelProgress, WhatWasRefusedBeforeTheLedgerKnewTheChannel) {
  ChannelProgress progress;
  EXPECT_EQ(progress.opened(status(at(30), 4, 1), ChannelMark{}), Finding::rejected);
  EXPECT_FALSE(progress.durable()) << "what lies before the token is not trusted";
  EXPECT_EQ(progress.opened(status(at(30), 4), ChannelMark{}), Finding::fine);
  progress.skipped(5);  // one of them is not there
  progress.sent(at(40), 1);
  EXPECT_EQ(progress.observed(status(at(30), 4), Instant{}), Finding::miscounted);
}

// Rows that came in between the ledger's last word and a crash come again, are dropped, and are counted.
TEST(ChannelProgress, WhatArrivedUnseenIsCountedWhenItComesAgain) {
  const ChannelMark known{at(10), 100, 2};
  ChannelProgress progress;
  ASSERT_EQ(progress.opened(status(at(30), 104, 2), known), Finding::fine);
  EXPECT_EQ(progress.durable(), at(30));
  progress.skipped(4);
  progress.sent(at(40), 1);
  EXPECT_EQ(progress.observed(status(at(40), 105, 2), Instant{}), Finding::fine);
  EXPECT_EQ(progress.durable(), at(40));

  ASSERT_EQ(progress.opened(status(at(30), 104, 2), known), Finding::fine);
  progress.skipped(5);  // one of them is not there
  progress.sent(at(40), 1);
  EXPECT_EQ(progress.observed(status(at(30), 104, 2), Instant{}), Finding::miscounted);
}

TEST(ChannelProgress, AnOpeningThatContradictsTheLedger) {
  const ChannelMark known{at(10), 100, 2};
  ChannelProgress progress;
  EXPECT_EQ(progress.opened(status(at(30), 103, 3), known), Finding::rejected);
  EXPECT_EQ(progress.durable(), at(10)) << "what lies behind the ledger's token is not trusted";
  EXPECT_EQ(progress.opened(status(at(9), 100, 2), known), Finding::miscounted);
  EXPECT_EQ(progress.opened(status(std::nullopt, 0), known), Finding::miscounted) << "the channel was dropped";
  EXPECT_EQ(progress.opened(status(at(10), 101, 2), known), Finding::miscounted) << "a ghost row";
}

}  // namespace
}  // namespace luge
