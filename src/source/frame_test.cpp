#include "source/frame.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using namespace std::string_literals;

const std::string kData = "w" + "\0\0\0\1\0\0\0\2"s + "\0\0\0\3\0\0\0\4"s + "\0\0\0\0\0\0\0\7"s + "payload";
const std::string kKeepalive = "k" + "\0\0\0\1\0\0\0\2"s + "\0\0\0\0\0\0\0\7"s + "\1"s;

TEST(Frame, reads_data) {
  const auto frame = parse_frame(kData);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->kind, WalFrame::Kind::data);
  EXPECT_EQ(to_string((*frame)->wal_end), "3/4");
  EXPECT_EQ((*frame)->send_time.micros, 7);
  EXPECT_EQ((*frame)->payload, "payload");
}

TEST(Frame, reads_a_keepalive) {
  const auto frame = parse_frame(kKeepalive);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->kind, WalFrame::Kind::keepalive);
  EXPECT_EQ(to_string((*frame)->wal_end), "1/2");
  EXPECT_TRUE((*frame)->reply_requested);
}

TEST(Frame, refuses_every_shorter_or_longer_form) {
  for (std::size_t length = 0; length < 25; ++length) EXPECT_FALSE(parse_frame(std::string_view(kData).substr(0, length))) << length;
  EXPECT_TRUE(parse_frame(std::string_view(kData).substr(0, 25)));
  for (std::size_t length = 0; length < kKeepalive.size(); ++length)
    EXPECT_FALSE(parse_frame(std::string_view(kKeepalive).substr(0, length))) << length;
  EXPECT_FALSE(parse_frame(kKeepalive + "x"));
}

TEST(Frame, unknown_kinds_are_no_error) {
  const auto frame = parse_frame("zzz");
  ASSERT_TRUE(frame);
  EXPECT_FALSE(*frame);
}

TEST(Frame, writes_feedback) {
  const std::string bytes = encode_feedback({.written = Lsn{1}, .flushed = Lsn{2}, .applied = Lsn{3}, .reply_requested = true}, PgTimestamp{4});
  EXPECT_EQ(bytes, "r\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4\1"s);
}

}  // namespace
}  // namespace luge
