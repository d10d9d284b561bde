#include "app/verify/hash_sum.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(HashSum, SignedAndUnsignedSumsMeet) {
  EXPECT_EQ(wrap_decimal("0"), 0U);
  EXPECT_EQ(wrap_decimal("-1"), UINT64_MAX);
  EXPECT_EQ(wrap_decimal("18446744073709551616"), 0U);
  EXPECT_EQ(wrap_decimal("36893488147419103231"), UINT64_MAX);  // 2 * 2^64 - 1
  // The same 64 bits read as signed and as unsigned, three times.
  EXPECT_EQ(wrap_decimal("-9223372036854775809"), wrap_decimal("46116860184273879039"));
  for (const char* wrong : {"", "-", "1.0", "1e5", "+1"}) EXPECT_FALSE(wrap_decimal(wrong).has_value()) << wrong;
  EXPECT_EQ(to_string(HashSum{1, 0xAB, 1}), "00000000000000ab0000000000000001");
}

}  // namespace
}  // namespace luge
