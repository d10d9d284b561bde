#include "model/snapshot.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(Snapshot, ParsesAndPrints) {
  for (const char* text : {"10:20:", "10:20:12,14", "740:740:", "740:740:@2", "10:20:12,14@3"}) {
    const auto snapshot = Snapshot::parse(text);
    ASSERT_TRUE(snapshot) << text;
    EXPECT_EQ(to_string(*snapshot), text);
  }
  for (const char* text :
       {"", "10", "10:", "10:20", "a:b:", "10:20:,", "10:20:1,", "10:20:x", "10:20:@", "10:20:12,@1", "10:20:@1,", "10:20:@4294967296"})
    EXPECT_FALSE(Snapshot::parse(text)) << text;
}

TEST(Snapshot, SeesWhatPostgresqlSees) {
  const auto snapshot = *Snapshot::parse("10:20:12,14");
  EXPECT_TRUE(snapshot.visible(9));
  EXPECT_TRUE(snapshot.visible(10));
  EXPECT_FALSE(snapshot.visible(12));
  EXPECT_TRUE(snapshot.visible(13));
  EXPECT_FALSE(snapshot.visible(20));
  EXPECT_FALSE(snapshot.visible(21));
}

TEST(Snapshot, OfAnIdleServerSeesEverythingBelow) {
  const auto snapshot = *Snapshot::parse("740:740:");
  EXPECT_TRUE(snapshot.visible(739));
  EXPECT_FALSE(snapshot.visible(740));
}

TEST(Snapshot, TakesNumbersOf64BitsInAnyOrder) {
  const auto snapshot = *Snapshot::parse("18446744073709551000:18446744073709551610:18446744073709551600,18446744073709551001");
  EXPECT_FALSE(snapshot.visible(18446744073709551001U));
  EXPECT_FALSE(snapshot.visible(18446744073709551600U));
  EXPECT_TRUE(snapshot.visible(18446744073709551002U));
  EXPECT_FALSE(Snapshot::parse("18446744073709551616:1:"));  // one more than fits
  EXPECT_FALSE(Snapshot::parse("-1:1:"));
}

TEST(Xid, WidensToTheNearest) {
  EXPECT_EQ(widen_xid(5, 7), 5U);
  EXPECT_EQ(widen_xid(9, 7), 9U);
  const Xid second_epoch = Xid{1} << 32;
  EXPECT_EQ(widen_xid(0xFFFFFFF0U, second_epoch + 3), 0xFFFFFFF0U);
  EXPECT_EQ(widen_xid(8, second_epoch - 3), second_epoch + 8);
}

}  // namespace
}  // namespace luge
