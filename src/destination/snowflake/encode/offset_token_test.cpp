#include "destination/snowflake/encode/offset_token.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace luge {
namespace {

TEST(OffsetToken, HasAFixedWidth) {
  EXPECT_EQ(offset_token({}), "00000000/0000000000000000/0000000000000000");
  EXPECT_EQ(offset_token({1, Lsn{0x16B374D848}, 255}), "00000001/00000016b374d848/00000000000000ff");
  EXPECT_EQ(offset_token({UINT32_MAX, Lsn{UINT64_MAX}, UINT64_MAX}), "ffffffff/ffffffffffffffff/ffffffffffffffff");
  EXPECT_EQ(offset_token({}).size(), kOffsetTokenSize);
}

TEST(OffsetToken, ComparesAsThePositionDoesAndReadsBack) {
  SeededRandom random(1);
  const auto any = [&random] {
    return Position{static_cast<Epoch>(random.below(3)), Lsn{random.next() >> (random.below(2) * 60)}, random.next() >> (random.below(2) * 60)};
  };
  for (int round = 0; round < 5000; ++round) {
    const Position a = any();
    const Position b = any();
    EXPECT_EQ(offset_token(a) < offset_token(b), a < b);
    EXPECT_EQ(parse_offset_token(offset_token(a)), a);
  }
}

TEST(OffsetToken, OthersAreRefused) {
  for (const char* text : {"", "0", "00000000/0000000000000000/000000000000000", "00000000/0000000000000000/00000000000000000",
                           "00000000-0000000000000000/0000000000000000", "0000000g/0000000000000000/0000000000000000",
                           "00000000/0000000000000000/000000000000000F", "00000000/0000000000000000-0000000000000000"}) {
    EXPECT_EQ(parse_offset_token(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace luge
