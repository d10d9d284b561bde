#include "destination/snowflake/rest/streaming_error.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

using Verdict = StreamingVerdict;
using Call = StreamingCall;

StreamingAnswer answer(int status, const std::string& body) { return read_answer(HttpResponse{status, {}, body}); }

struct Case {
  int status;
  const char* body;
  Call call;
  Verdict verdict;
};

TEST(StreamingError, every_code_and_status_has_its_verdict) {
  const Case cases[] = {
      {400, R"({"code":"STALE_CONTINUATION_TOKEN_SEQUENCER","message":"m"})", Call::append, Verdict::reopen},
      {400, R"({"code":"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER"})", Call::append, Verdict::reopen},
      {400, R"({"code":"ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER"})", Call::append, Verdict::reopen},
      {400, R"({"error_code":"ERR_CHANNEL_MUST_BE_REOPENED"})", Call::append, Verdict::reopen},
      {400, R"({"code":"ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP"})", Call::append, Verdict::reopen},
      {404, R"({"code":"ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"})", Call::append, Verdict::reopen},
      {400, R"({"code":"ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"})", Call::append, Verdict::reopen},
      {404, R"({"code":"ERR_CHANNEL_NO_LONGER_EXISTS"})", Call::append, Verdict::reopen},
      {404, R"({"code":"ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"})", Call::append, Verdict::table_missing},
      {404, R"({"code":"ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"})", Call::open, Verdict::table_missing},
      {400, R"({"code":"STALE_PIPE_CACHE"})", Call::open, Verdict::stale_pipe_cache},
      {404, R"({"code":"STALE_PIPE_CACHE"})", Call::append, Verdict::reopen},
      {409, R"({"code":"ERR_CHANNEL_HAS_UNCOMMITTED_DATA"})", Call::open, Verdict::uncommitted_rows},
      {409, R"({"code":"ERR_OPEN_CHANNEL_IN_PROGRESS"})", Call::open, Verdict::opening},
      {409, R"({"code":"ERR_PIPE_IN_INVALID_STATE"})", Call::open, Verdict::pipe_invalid},
      {409, R"({"code":"ERR_PIPE_IN_INVALID_STATE"})", Call::append, Verdict::reopen},
      {410, "Gone", Call::append, Verdict::failed_over},
      {410, "", Call::status, Verdict::failed_over},
      {429, R"({"code":"390701","message":"Request rate exceeds max. Try later."})", Call::append, Verdict::slow_down},
      {429, R"({"code":390701})", Call::append, Verdict::slow_down},
      {429, "", Call::append, Verdict::slow_down},
      {500, R"("ERR_GENERAL_EXCEPTION_RETRY_REQUEST")", Call::append, Verdict::repeat},
      {503, R"("ERR_PIPE_NOT_LOCALLY_OWNED_OR_NOT_STARTED")", Call::append, Verdict::repeat},
      {400, R"({"code":"ERR_PIPE_NOT_LOCALLY_OWNED_OR_NOT_STARTED"})", Call::append, Verdict::repeat},
      {502, "<html>Bad Gateway</html>", Call::append, Verdict::repeat},
      {408, "", Call::append, Verdict::repeat},
      {401, R"({"code":"390144","message":"JWT token is invalid."})", Call::append, Verdict::renew_token},
      {401, "", Call::status, Verdict::renew_token},
      {400, R"({"code":"390142"})", Call::append, Verdict::renew_token},
      {400, R"({"error":"invalid_grant"})", Call::session, Verdict::renew_token},
      {403, R"({"code":"390403"})", Call::append, Verdict::forbidden},
      {400, R"({"code":"ERR_PIPE_KIND_NOT_SUPPORTED"})", Call::open, Verdict::pipe_kind},
      {404, R"({"code":"ERR_PIPE_KIND_NOT_SUPPORTED"})", Call::append, Verdict::pipe_kind},
      {413, R"({"code":"ERR_REQUEST_BODY_TOO_LARGE"})", Call::append, Verdict::too_large},
      {200, R"({"status_code":0,"next_continuation_token":"0_2"})", Call::append, Verdict::accepted},
      {200, R"({"status_code":4,"message":"m"})", Call::append, Verdict::reopen},
      {400, R"({"status_code":4,"message":"m"})", Call::append, Verdict::reopen},
      {200, R"({"status_code":3,"message":"m"})", Call::append, Verdict::renew_token},
      {200, R"({"status_code":77,"message":"m"})", Call::append, Verdict::reopen},
      {503, R"({"status_code":77,"message":"m"})", Call::append, Verdict::repeat},
      {404, "", Call::append, Verdict::reopen},
      {404, "", Call::status, Verdict::repeat},
      {404, "", Call::open, Verdict::table_missing},
      {404, "", Call::session, Verdict::refused},
      {409, "", Call::append, Verdict::repeat},
      {400, R"({"code":"391902","message":"Unsupported Accept header null is specified."})", Call::append, Verdict::refused},
      {400, "", Call::append, Verdict::refused},
  };
  for (const Case& c : cases) EXPECT_EQ(verdict_of(answer(c.status, c.body), c.call), c.verdict) << c.status << " " << c.body;
}

TEST(StreamingError, a_code_is_a_word_and_free_text_is_not_kept) {
  EXPECT_EQ(answer(500, R"("row 7 has the value secret")").describe(), "500");
  EXPECT_EQ(answer(400, R"({"code":"value 'secret'","message":"secret"})").describe(), "400");
  EXPECT_EQ(answer(400, R"({"error_code":"ERR_X","message":"secret"})").describe(), "400 ERR_X");
  EXPECT_EQ(answer(400, R"({"code":null,"error_code":"ERR_X"})").describe(), "400 ERR_X");
  EXPECT_EQ(answer(200, R"({"status_code":4})").describe(), "200 (status_code 4)");
  EXPECT_EQ(answer(500, "").describe(), "500");
  EXPECT_EQ(answer(500, "[1]").describe(), "500");
}

TEST(StreamingError, every_verdict_says_what_to_do_and_that_data_is_safe) {
  struct Expected {
    Verdict verdict;
    const char* code;
    Recovery recovery;
    WriteState state;
  };
  const Expected all[] = {
      {Verdict::accepted, "protocol", Recovery::retry, WriteState::unknown},
      {Verdict::repeat, "unavailable", Recovery::retry, WriteState::unknown},
      {Verdict::slow_down, "rate_limited", Recovery::retry, WriteState::not_applied},
      {Verdict::reopen, "channel_invalid", Recovery::reconnect, WriteState::unknown},
      {Verdict::uncommitted_rows, "uncommitted_rows", Recovery::retry, WriteState::not_applied},
      {Verdict::opening, "open_in_progress", Recovery::retry, WriteState::not_applied},
      {Verdict::stale_pipe_cache, "stale_pipe_cache", Recovery::retry, WriteState::not_applied},
      {Verdict::pipe_invalid, "pipe_invalid", Recovery::quarantine_table, WriteState::not_applied},
      {Verdict::pipe_kind, "pipe_kind", Recovery::quarantine_table, WriteState::not_applied},
      {Verdict::table_missing, "table_missing", Recovery::quarantine_table, WriteState::not_applied},
      {Verdict::failed_over, "client_invalid", Recovery::reconnect, WriteState::unknown},
      {Verdict::renew_token, "auth", Recovery::stop_pipeline, WriteState::not_applied},
      {Verdict::forbidden, "forbidden", Recovery::stop_pipeline, WriteState::not_applied},
      {Verdict::too_large, "row_too_large", Recovery::quarantine_table, WriteState::not_applied},
      {Verdict::refused, "refused", Recovery::stop_pipeline, WriteState::not_applied},
  };
  for (const Expected& expected : all) {
    const Error error = streaming_error(expected.verdict, "503 ERR_X", "the append to channel c of S.T");
    EXPECT_EQ(error.code, expected.code);
    EXPECT_EQ(error.recovery, expected.recovery) << error.code;
    EXPECT_EQ(error.write_state, expected.state) << error.code;
    EXPECT_TRUE(error.what.starts_with("Snowflake answered 503 ERR_X to the append to channel c of S.T")) << error.what;
    // Of a table that stops it would not be true: acknowledgement goes on without it.
    EXPECT_EQ(error.hint.find(". Nothing is lost") == std::string::npos, error.recovery == Recovery::quarantine_table) << error.hint;
  }
}

TEST(StreamingError, channel_status_codes) {
  EXPECT_EQ(verdict_of_channel_code("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"), Verdict::table_missing);
  EXPECT_EQ(verdict_of_channel_code("ERR_CHANNEL_MUST_BE_REOPENED"), Verdict::reopen);
  EXPECT_EQ(verdict_of_channel_code("ERR_PIPE_KIND_NOT_SUPPORTED"), Verdict::pipe_kind);
  EXPECT_EQ(verdict_of_channel_code("SOMETHING_NEW"), Verdict::reopen);
}

}  // namespace
}  // namespace luge
