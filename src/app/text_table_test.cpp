#include "app/text_table.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(TextTable, OneLongOrHostileCellSpoilsNoOtherLine) {
  TextTable table({"name", "state"});
  table.add({"shop", "live"}, 20);
  table.add({std::string(1'000'000, 'x'), "\x1b[2Jinvalid\nshop  live"}, 20);
  const std::string text = table.text();
  EXPECT_LT(text.size(), 400U);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_NE(text.find("…"), std::string::npos);
}

}  // namespace
}  // namespace luge
