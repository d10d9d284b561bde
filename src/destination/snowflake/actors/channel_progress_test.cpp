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
