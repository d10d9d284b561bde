#include "pipeline/copy_memory.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(CopyMemoryTest, all_sessions_together_have_a_quarter) {
  MemoryBudget budget(8U << 20);
  {
    const CopyMemory first(budget, 4);
    EXPECT_EQ(first.share(), 512U << 10);
    const CopyMemory second(budget, 4);
    EXPECT_EQ(budget.used(), 1U << 20);
  }
  EXPECT_EQ(budget.used(), 0U);
  MemoryBudget large(std::size_t{1} << 40);
  EXPECT_EQ(CopyMemory(large, 4).share(), 8U << 20);
  MemoryBudget small(3);
  EXPECT_EQ(CopyMemory(small, 64).share(), 1U) << "every copy goes on, row by row";
}

TEST(CopyMemoryTest, a_large_row_is_counted_while_it_is_there) {
  MemoryBudget budget(8U << 20);
  CopyMemory memory(budget, 4);
  memory.hold(100);
  EXPECT_EQ(budget.used(), memory.share());
  memory.hold(20U << 20);
  EXPECT_EQ(budget.used(), 20U << 20);
  memory.let_go();
  EXPECT_EQ(budget.used(), memory.share());
}

TEST(CopyMemoryTest, is_claimed_also_where_nothing_is_free) {
  MemoryBudget budget(1U << 20);
  budget.force_reserve(1U << 20);
  const CopyMemory memory(budget, 1);
  EXPECT_FALSE(memory.has_room());
  budget.release(256U << 10);
  EXPECT_TRUE(memory.has_room());
  EXPECT_TRUE(budget.exhausted()) << "the stream stops in time to leave it";
}

}  // namespace
}  // namespace luge
