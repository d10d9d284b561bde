#include "model/lsn.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(Lsn, PrintsAsPostgresqlDoes) {
  EXPECT_EQ(to_string(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(to_string(Lsn{0}), "0/0");
  EXPECT_EQ(to_string(Lsn{UINT64_MAX}), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, ParsesWhatItPrints) {
  for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x1'0000'0000}, UINT64_MAX}) {
    EXPECT_EQ(Lsn::parse(to_string(Lsn{value})), Lsn{value});
  }
}

TEST(Lsn, RefusesEverythingElse) {
  for (const char* text : {"", "/", "1", "1/", "/1", "g/1", "1/123456789", "1/2/3", " 1/2", "1/2 ", "-1/2"}) {
    EXPECT_FALSE(Lsn::parse(text)) << text;
  }
}

TEST(Lsn, OrdersByPosition) {
  EXPECT_LT(Lsn{1}, Lsn{2});
  EXPECT_LT(*Lsn::parse("0/FFFFFFFF"), *Lsn::parse("1/0"));
}

TEST(Lsn, BehindAPageHeaderTheStreamReportsThePage) {
  EXPECT_EQ(reachable_position(Lsn{8192 * 5 + 24}), Lsn{8192 * 5});
  EXPECT_EQ(reachable_position(Lsn{16 * 1024 * 1024 + 40}), Lsn{16 * 1024 * 1024});
  EXPECT_EQ(reachable_position(Lsn{8192 * 5 + 32}), Lsn{8192 * 5 + 32});
}

}  // namespace
}  // namespace luge
