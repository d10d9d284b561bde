#include "model/position.h"

#include <gtest/gtest.h>
#include <limits>

namespace luge {
namespace {

TEST(Position, OrdersByEpochThenCommitThenOrdinal) {
  const Position rows[] = {{0, Lsn{9}, 9}, {1, Lsn{5}, 0}, {1, Lsn{5}, 1}, {1, Lsn{6}, 0}, {2, Lsn{1}, 0}};
  for (std::size_t i = 0; i + 1 < std::size(rows); ++i) {
    EXPECT_LT(rows[i], rows[i + 1]) << i;
    EXPECT_EQ(rows[i], rows[i]);
  }
}

TEST(Position, CommitPositionsAreUnsigned) { EXPECT_LT((Position{1, Lsn{1}, 0}), (Position{1, Lsn{std::numeric_limits<std::uint64_t>::max()}, 0})); }

TEST(WidenXid, IsTheNearestAcrossEveryBorder) {
  constexpr Xid kEpoch = Xid{1} << 32;
  for (const Xid reference : {5 * kEpoch, 5 * kEpoch - 1, 5 * kEpoch + 0x7FFFFFFF, 5 * kEpoch + 0x80000000U, 5 * kEpoch + 0xFFFFFFFFU}) {
    for (const std::int64_t distance : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{1'000'000}, std::int64_t{-1'000'000},
                                        std::int64_t{0x7FFFFFFF}, std::int64_t{-0x7FFFFFFF}}) {
      const Xid xid = reference + static_cast<Xid>(distance);
      EXPECT_EQ(widen_xid(static_cast<Xid32>(xid), reference), xid) << reference << " " << distance;
    }
  }
}

}  // namespace
}  // namespace luge
