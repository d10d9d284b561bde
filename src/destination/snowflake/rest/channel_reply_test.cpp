#include "destination/snowflake/rest/channel_reply.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(ChannelReply, an_opened_channel) {
  const auto reply = parse_open_reply(R"({"next_continuation_token":"0_1","channel_status":{"channel_name":"ch0","channel_status_code":"SUCCESS",
      "last_committed_offset_token":null,"rows_inserted":7,"rows_parsed":9,"rows_error_count":2,"last_error_offset_upper_bound":"x",
      "last_error_message":"m"}})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->continuation_token, "0_1");
  EXPECT_EQ(reply->channel, "ch0");
  EXPECT_EQ(reply->status.code, "SUCCESS");
  EXPECT_EQ(reply->status.committed_token, std::nullopt);
  EXPECT_EQ(reply->status.rows_inserted, 7U);
  EXPECT_EQ(reply->status.rows_error_count, 2U);
  EXPECT_EQ(reply->status.last_error_token, "x");
  EXPECT_EQ(reply->status.last_error_message, "m");
  EXPECT_TRUE(reply->status.good());
}

TEST(ChannelReply, both_names_of_the_error_counter) {
  const auto statuses = parse_statuses(R"({"channel_statuses":{"a":{"channel_status_code":"ACTIVE","rows_inserted":1,"rows_errors":3,
      "last_committed_offset_token":"t"},"b":{"channel_status_code":0,"rows_inserted":1,"rows_error_count":4,"rows_errors":9}}})");
  ASSERT_TRUE(statuses);
  ASSERT_EQ(statuses->size(), 2U);
  EXPECT_EQ(statuses->at("a").rows_error_count, 3U);
  EXPECT_EQ(statuses->at("a").committed_token, "t");
  EXPECT_TRUE(statuses->at("a").good());
  EXPECT_EQ(statuses->at("b").rows_error_count, 4U);
  EXPECT_EQ(statuses->at("b").code, "0");
  EXPECT_TRUE(statuses->at("b").good());
}

TEST(ChannelReply, what_is_not_of_that_shape) {
  for (const char* body :
       {"", "null", "[]", "\"x\"", "{}", R"({"next_continuation_token":"0_1"})", R"({"channel_status":{}})",
        R"({"next_continuation_token":"0_1","channel_status":[]})", R"({"next_continuation_token":"0_1","channel_status":{"rows_error_count":-1}})",
        R"({"next_continuation_token":"0_1","channel_status":{"rows_error_count":"many"}})"}) {
    EXPECT_FALSE(parse_open_reply(body)) << body;
  }
  for (const char* body : {"", "null", "{}", R"({"next_continuation_token":null})", R"({"next_continuation_token":[]})"}) {
    EXPECT_FALSE(parse_append_reply(body)) << body;
  }
  for (const char* body : {"", "{}", R"({"channel_statuses":[]})", R"({"channel_statuses":{"a":1}})"}) EXPECT_FALSE(parse_statuses(body)) << body;
}

}  // namespace
}  // namespace luge
