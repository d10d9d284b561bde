#pragma once
#include <string>

#include "base/error.h"
#include "destination/snowflake/python/bridge_abi.h"
#include "destination/snowflake/rest/streaming_error.h"

namespace luge {

/// What a StreamingIngestError asks its caller to do: by its error_code (snowflake.md §2.3) and, where that only says "4xx", by the
/// server's own code. Never by the text.
StreamingVerdict verdict_of_sdk(std::string_view error_code, int http_status, std::string_view server_code, StreamingCall call);

/// The error of an IngestClient. `what`: what was asked, of which channel or table ("append to PUBLIC.T/ch0"); `endpoint`: host and port.
Error sdk_error(const PythonFailure& failure, StreamingCall call, const std::string& what, const std::string& endpoint);

}  // namespace luge
