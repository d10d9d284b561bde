#include "destination/snowflake/sdk/sdk_error.h"

#include <algorithm>

namespace luge {

namespace {

using Verdict = StreamingVerdict;

struct SdkRule {
  std::string_view code;
  Verdict verdict;
};

// snowpipe-streaming 1.9.1, StreamingIngestErrorCode, whole.
constexpr SdkRule kSdkCodes[] = {
    // 400
    {"ConfigError", Verdict::refused},
    {"InvalidRequest", Verdict::refused},
    {"InvalidArgument", Verdict::refused},
    {"SfApiUserError", Verdict::refused},  // any 4xx: unless the server's code tells more
    {"NotImplemented", Verdict::refused},
    {"HttpClientNonRetryableError", Verdict::refused},
    {"SfApiPipeFailedOverError", Verdict::failed_over},
    {"ChannelAlreadyExists", Verdict::failed_over},  // an object of this process that is still open: a new client has none
    {"ElasticChannelReservedName", Verdict::refused},
    {"CannotDropElasticChannel", Verdict::refused},
    // 401
    {"AuthTokenError", Verdict::renew_token},
    {"SfApiAuthError", Verdict::renew_token},
    // 404
    {"ChannelNotFound", Verdict::reopen},
    {"SfApiNotFoundError", Verdict::refused},  // no such account
    // 408
    {"ChannelWaitForFlushTimeout", Verdict::repeat},
    {"ClientWaitForFlushTimeout", Verdict::repeat},
    // 409
    {"ClosedChannelError", Verdict::reopen},
    {"ClosedElasticChannelError", Verdict::reopen},
    {"ClosedClientError", Verdict::failed_over},
    {"ChannelClosedByUser", Verdict::reopen},
    {"InvalidChannelError", Verdict::reopen},
    {"InvalidClientError", Verdict::failed_over},
    {"InputChannelClosed", Verdict::reopen},
    {"OutputChannelClosed", Verdict::reopen},
    // 429
    {"ReceiverSaturated", Verdict::slow_down},
    {"MemoryThresholdExceeded", Verdict::slow_down},
    {"MemoryThresholdExceededInContainer", Verdict::slow_down},
    // 500
    {"Fatal", Verdict::failed_over},
    {"NonFatal", Verdict::repeat},
    {"MutexLockFailed", Verdict::failed_over},
    {"SfApiUnexpectedBehaviorError", Verdict::repeat},
    {"SfApiInternalServerError", Verdict::repeat},
    {"FileUploadError", Verdict::repeat},
    {"HttpRetriesExhaustedError", Verdict::repeat},
    {"CloseAllChannelsFailedError", Verdict::failed_over},
    // 503
    {"HttpRetryableClientError", Verdict::repeat},
};

Error network_error(std::string_view code, const std::string& endpoint) {
  if (code == "tls") {
    Error error = fatal("tls", "the certificate of " + endpoint + " is not trusted, or no TLS session came about",
                        "set snowflake: ca_file to the PEM file of the authority that signed it");
    return error;
  }
  return make_error(Recovery::retry, code, endpoint + (code == "unresolved" ? " is a name that cannot be resolved" : " cannot be reached"),
                    "check snowflake: url or account, and this machine's network, DNS and proxy");
}

Error with_unknown_state(Error error) {
  error.write_state = WriteState::unknown;
  return error;
}

}  // namespace

Verdict verdict_of_sdk(std::string_view error_code, int http_status, std::string_view server_code, StreamingCall call) {
  if (error_code == "SfApiAuthError" && http_status == 403) return Verdict::forbidden;
  const auto* const rule = std::find_if(std::begin(kSdkCodes), std::end(kSdkCodes), [&](const SdkRule& entry) { return entry.code == error_code; });
  if (rule == std::end(kSdkCodes)) return Verdict::repeat;  // of a newer SDK
  if (rule->verdict == Verdict::refused && !server_code.empty()) {
    const Verdict told = verdict_of(StreamingAnswer{http_status, std::string(server_code), 0, true}, call);
    if (told != Verdict::accepted) return told;
  }
  return rule->verdict;
}

Error sdk_error(const PythonFailure& failure, StreamingCall call, const std::string& what, const std::string& endpoint) {
  const std::string code = failure.code, detail = failure.detail;
  switch (failure.kind) {
    case PythonFailureKind::none: break;
    case PythonFailureKind::sdk: {
      std::string said = "(through its SDK) " + code;
      if (failure.http_status != 0) said += " " + std::to_string(failure.http_status);
      if (!detail.empty()) said += " " + detail;
      if (code == "SfApiNotFoundError") {
        return fatal("refused", "Snowflake answered " + said + " to " + what + ": " + endpoint + " knows no such account",
                     "check snowflake: url and account");
      }
      if (code == "ConfigError") {
        return fatal("sdk_config", "the Snowpipe Streaming SDK does not take luge's settings (" + said + ")",
                     "check the section snowflake; install snowpipe-streaming==1.9.1, or set transport: rest");
      }
      return streaming_error(verdict_of_sdk(code, failure.http_status, detail, call), said, what);
    }
    case PythonFailureKind::timeout:
      return with_unknown_state(make_error(Recovery::retry, "timeout", "the SDK took too long to " + what, "luge tries again"));
    case PythonFailureKind::network: return network_error(code, endpoint);
    case PythonFailureKind::not_open: return channel_invalid("the channel is not open here any more: " + what);
    case PythonFailureKind::stale:
      return make_error(Recovery::retry, "stale_status", "the SDK's status cache does not know the reopened channel yet: " + what, "luge asks again");
    case PythonFailureKind::refused: return fatal("transform", what + ": " + detail, "mend the function, or take snowflake: transform out");
    case PythonFailureKind::exception: break;
  }
  return fatal("python_exception", "Python's " + code + (detail.empty() ? "" : " at " + detail) + " in " + what,
               "install snowpipe-streaming==1.9.1, or set snowflake: transport: rest");
}

}  // namespace luge
