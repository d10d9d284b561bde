#include "decode/message_reader.h"

#include <gtest/gtest.h>
#include <string>

namespace luge {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

TEST(MessageReader, ReadsBigEndian) {
  MessageReader in("\x01\xFF\xFE\x80\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE"sv);
  EXPECT_EQ(in.u8(), 1);
  EXPECT_EQ(in.i16(), -2);
  EXPECT_EQ(in.u32(), 0x80000001U);
  EXPECT_EQ(in.u64(), 0x0000000200000003U);
  EXPECT_EQ(in.i64(), -2);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.remaining(), 0U);
  in.expect_end();
  EXPECT_FALSE(in.failed());
}

TEST(MessageReader, BorrowsStringsAndBytes) {
  const std::string message = "ab\0\0xyz"s;
  MessageReader in(message);
  const std::string_view name = in.c_string();
  EXPECT_EQ(name, "ab");
  EXPECT_EQ(name.data(), message.data());
  EXPECT_EQ(in.c_string(), "");
  EXPECT_EQ(in.bytes(3), "xyz");
  EXPECT_FALSE(in.failed());
}

TEST(MessageReader, FailsOnceAndStaysFailed) {
  MessageReader in("\x00\x01\x02"sv);
  EXPECT_EQ(in.i16(), 1);
  EXPECT_EQ(in.u32(), 0U);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.offset(), 2U);
  EXPECT_STREQ(in.reason(), "the message ends too early");
  EXPECT_EQ(in.u8(), 0);  // the byte that is left is not given out any more
  in.fail("another reason");
  in.expect_end();
  EXPECT_STREQ(in.reason(), "the message ends too early");
  EXPECT_EQ(in.offset(), 2U);
}

TEST(MessageReader, RefusesLengthsThatLie) {
  EXPECT_TRUE([] {
    MessageReader in("abc"sv);
    in.bytes(4);
    return in.failed();
  }());
  EXPECT_TRUE([] {
    MessageReader in("abc"sv);
    in.bytes(-1);
    return in.failed();
  }());
  EXPECT_TRUE([] {
    MessageReader in("abc"sv);
    in.bytes(INT32_MAX);
    return in.failed();
  }());
  EXPECT_TRUE([] {
    MessageReader in("abc"sv);
    in.c_string();
    return in.failed();
  }());
  EXPECT_TRUE([] {
    MessageReader in(""sv);
    in.c_string();
    return in.failed();
  }());
  EXPECT_FALSE([] {
    MessageReader in("abc"sv);
    in.bytes(3);
    return in.failed();
  }());
}

TEST(MessageReader, RefusesCountsThatCannotFit) {
  MessageReader in("12345678"sv);
  EXPECT_EQ(in.count(2, 4), 2U);
  EXPECT_EQ(in.count(0, 4), 0U);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.count(3, 4), 0U);
  EXPECT_TRUE(in.failed());
  MessageReader negative("12345678"sv);
  EXPECT_EQ(negative.count(-1, 1), 0U);
  EXPECT_TRUE(negative.failed());
}

TEST(MessageReader, SeesBytesAfterTheEnd) {
  MessageReader in("ab"sv);
  in.u8();
  in.expect_end();
  EXPECT_STREQ(in.reason(), "bytes after the end");
  EXPECT_EQ(in.offset(), 1U);
}

}  // namespace
}  // namespace luge
