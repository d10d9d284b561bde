#include "app/option_value.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(OptionValue, Sizes) {
  EXPECT_EQ(parse_size("64MiB"), 64ULL << 20);
  EXPECT_EQ(parse_size("256MB"), 256'000'000ULL);
  EXPECT_EQ(parse_size("256 mb"), 256'000'000ULL);
  EXPECT_EQ(parse_size("1.5GiB"), 3ULL << 29);
  EXPECT_EQ(parse_size("4k"), 4096ULL);
  EXPECT_EQ(parse_size("1000"), 1000ULL);
  for (const char* wrong : {"", "MiB", "-1", "64 Mbit", "1.5", "1..5k", "99999999999999999999", "18446744073709551615k", "0x10"}) {
    EXPECT_FALSE(parse_size(wrong).has_value()) << wrong;
  }
}

TEST(OptionValue, Durations) {
  EXPECT_EQ(parse_duration("500ms"), Duration(500'000));
  EXPECT_EQ(parse_duration("500"), Duration(500'000));
  EXPECT_EQ(parse_duration("0.5s"), Duration(500'000));
  EXPECT_EQ(parse_duration("2min"), Duration(120'000'000));
  EXPECT_FALSE(parse_duration("soon").has_value());
  EXPECT_FALSE(parse_duration("-5s").has_value());
}

TEST(OptionValue, Counts) {
  EXPECT_EQ(parse_count("100_000"), 100'000ULL);
  EXPECT_FALSE(parse_count("1e5").has_value());
  EXPECT_FALSE(parse_count("1.5").has_value());
}

TEST(OptionValue, PeopleReadThemBack) {
  EXPECT_EQ(format_bytes(64ULL << 20), "64 MiB");
  EXPECT_EQ(format_bytes(1'600'000), "1.5 MiB");
  EXPECT_EQ(format_bytes(812), "812 B");
  EXPECT_EQ(format_duration(Duration(350'000)), "350 ms");
  EXPECT_EQ(format_duration(Duration(2'500'000)), "2.5 s");
  EXPECT_EQ(format_duration(Duration(200'000'000)), "3 min 20 s");
  EXPECT_EQ(format_duration(Duration(7'500'000'000)), "2 h 5 min");
  EXPECT_EQ(format_duration(Duration(3'600'000'000)), "1 h");
  EXPECT_EQ(format_count(1'234'567), "1,234,567");
  EXPECT_EQ(format_count(123), "123");
}

}  // namespace
}  // namespace luge
