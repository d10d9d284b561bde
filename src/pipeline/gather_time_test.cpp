#include "pipeline/gather_time.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(GatherTime, GrowsWhileLittleComesAndShrinksBeforeTheSocketIsFull) {
  GatherTime gather;
  std::uint64_t received = 0;
  EXPECT_EQ(gather.next(received), GatherTime::kShortest);
  for (int i = 0; i < 10; ++i) gather.next(received += 300);
  EXPECT_EQ(gather.next(received += 300), GatherTime::kLongest);
  EXPECT_EQ(gather.next(received), GatherTime::kLongest) << "nothing came: no reason to change";
  EXPECT_EQ(gather.next(received += 6000), GatherTime::kLongest);
  EXPECT_EQ(gather.next(received += 30000), GatherTime::kLongest / 2);
  for (int i = 0; i < 10; ++i) gather.next(received += 30000);
  EXPECT_EQ(gather.next(received += 30000), GatherTime::kShortest);
}

}  // namespace
}  // namespace luge
