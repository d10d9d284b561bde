#include "destination/snowflake/sdk/sdk_error.h"

#include <cstdio>
#include <gtest/gtest.h>

namespace luge {
namespace {

PythonFailure failure_of(PythonFailureKind kind, const char* code, int http_status = 0, const char* detail = "") {
  PythonFailure failure{};
  failure.kind = kind;
  failure.http_status = http_status;
  std::snprintf(failure.code, sizeof failure.code, "%s", code);
  std::snprintf(failure.detail, sizeof failure.detail, "%s", detail);
  return failure;
}

struct Case {
  const char* error_code;
  int http_status;
  const char* code;
  Recovery recovery;
};

TEST(SdkError, every_code_of_the_sdk_has_its_answer) {
  const Case cases[] = {
      {"ConfigError", 400, "sdk_config", Recovery::stop_pipeline},
      {"InvalidRequest", 400, "refused", Recovery::stop_pipeline},
      {"InvalidArgument", 400, "refused", Recovery::stop_pipeline},
      {"SfApiUserError", 400, "refused", Recovery::stop_pipeline},
      {"NotImplemented", 400, "refused", Recovery::stop_pipeline},
      {"HttpClientNonRetryableError", 400, "refused", Recovery::stop_pipeline},
      {"SfApiPipeFailedOverError", 400, "client_invalid", Recovery::reconnect},
      {"ChannelAlreadyExists", 400, "client_invalid", Recovery::reconnect},
      {"AuthTokenError", 401, "auth", Recovery::stop_pipeline},
      {"SfApiAuthError", 401, "auth", Recovery::stop_pipeline},
      {"SfApiAuthError", 403, "forbidden", Recovery::stop_pipeline},
      {"ChannelNotFound", 404, "channel_invalid", Recovery::reconnect},
      {"SfApiNotFoundError", 404, "refused", Recovery::stop_pipeline},
      {"ChannelWaitForFlushTimeout", 408, "unavailable", Recovery::retry},
      {"ClientWaitForFlushTimeout", 408, "unavailable", Recovery::retry},
      {"ClosedChannelError", 409, "channel_invalid", Recovery::reconnect},
      {"ClosedClientError", 409, "client_invalid", Recovery::reconnect},
      {"ChannelClosedByUser", 409, "channel_invalid", Recovery::reconnect},
      {"InvalidChannelError", 409, "channel_invalid", Recovery::reconnect},
      {"InvalidClientError", 409, "client_invalid", Recovery::reconnect},
      {"InputChannelClosed", 409, "channel_invalid", Recovery::reconnect},
      {"OutputChannelClosed", 409, "channel_invalid", Recovery::reconnect},
      {"ReceiverSaturated", 429, "rate_limited", Recovery::retry},
      {"MemoryThresholdExceeded", 429, "rate_limited", Recovery::retry},
      {"MemoryThresholdExceededInContainer", 429, "rate_limited", Recovery::retry},
      {"Fatal", 500, "client_invalid", Recovery::reconnect},
      {"NonFatal", 500, "unavailable", Recovery::retry},
      {"MutexLockFailed", 500, "client_invalid", Recovery::reconnect},
      {"SfApiUnexpectedBehaviorError", 500, "unavailable", Recovery::retry},
      {"SfApiInternalServerError", 500, "unavailable", Recovery::retry},
      {"FileUploadError", 500, "unavailable", Recovery::retry},
      {"HttpRetriesExhaustedError", 500, "unavailable", Recovery::retry},
      {"CloseAllChannelsFailedError", 500, "client_invalid", Recovery::reconnect},
      {"HttpRetryableClientError", 503, "unavailable", Recovery::retry},
      {"ACodeOfTheNextVersion", 500, "unavailable", Recovery::retry},
  };
  for (const Case& each : cases) {
    const Error error =
        sdk_error(failure_of(PythonFailureKind::sdk, each.error_code, each.http_status), StreamingCall::append, "append to S.T/c", "h:443");
    EXPECT_EQ(error.code, each.code) << each.error_code;
    EXPECT_EQ(error.recovery, each.recovery) << each.error_code;
  }
}

TEST(SdkError, a_user_error_is_told_by_the_servers_code) {
  const auto code_of = [](const char* server_code) {
    return sdk_error(failure_of(PythonFailureKind::sdk, "SfApiUserError", 400, server_code), StreamingCall::open, "open S.T/c", "h:443");
  };
  EXPECT_EQ(code_of("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED").code, "table_missing");
  EXPECT_EQ(code_of("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED").code, "table_missing");
  EXPECT_EQ(code_of("ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED").code, "channel_invalid");
  EXPECT_EQ(code_of("ERR_PIPE_KIND_NOT_SUPPORTED").code, "pipe_kind");
  EXPECT_EQ(code_of("STALE_PIPE_CACHE").recovery, Recovery::retry);
  EXPECT_NE(code_of("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED").what.find("S.T/c"), std::string::npos);
}

TEST(SdkError, what_is_not_the_sdks) {
  const auto error_of = [](PythonFailureKind kind, const char* code, const char* detail = "") {
    return sdk_error(failure_of(kind, code, 0, detail), StreamingCall::append, "append to S.T/c", "host:8443");
  };
  EXPECT_EQ(error_of(PythonFailureKind::network, "tls").code, "tls");
  EXPECT_EQ(error_of(PythonFailureKind::network, "tls").recovery, Recovery::stop_pipeline);
  EXPECT_NE(error_of(PythonFailureKind::network, "tls").message().find("ca_file"), std::string::npos);
  EXPECT_EQ(error_of(PythonFailureKind::network, "unreachable").recovery, Recovery::retry);
  EXPECT_EQ(error_of(PythonFailureKind::network, "unresolved").code, "unresolved");
  EXPECT_EQ(error_of(PythonFailureKind::timeout, "TimeoutError").code, "timeout");
  EXPECT_EQ(error_of(PythonFailureKind::timeout, "TimeoutError").write_state, WriteState::unknown);
  EXPECT_EQ(error_of(PythonFailureKind::not_open, "").code, "channel_invalid");
  EXPECT_EQ(error_of(PythonFailureKind::stale, "").recovery, Recovery::retry);
  const Error exception = error_of(PythonFailureKind::exception, "KeyError", "a.py:3 in f");
  EXPECT_EQ(exception.code, "python_exception");
  EXPECT_NE(exception.what.find("KeyError at a.py:3 in f"), std::string::npos);
}

}  // namespace
}  // namespace luge
