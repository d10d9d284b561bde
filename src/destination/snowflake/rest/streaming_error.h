#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/http_client.h"

namespace luge {

/// What an answer of Snowpipe Streaming asks its client to do (snowflake.md §1.11).
enum class StreamingVerdict {
  accepted,
  repeat,            ///< transient: the same request with the same id and the same bytes
  slow_down,         ///< 429: not taken; later
  reopen,            ///< the channel's chain is broken, or somebody else has it
  uncommitted_rows,  ///< open: an older opener's rows wait to be committed
  opening,           ///< open: somebody is opening it right now
  stale_pipe_cache,  ///< a table of that name was dropped a moment ago: wait, then open
  pipe_invalid,      ///< the pipe exists and takes nothing
  pipe_kind,         ///< and never will: it is not one for streaming
  table_missing,     ///< or its pipe, or the right to use it: Snowflake does not tell them apart
  failed_over,       ///< 410: another host has the pipe now; nothing that this client holds means anything there
  renew_token,       ///< 401
  forbidden,         ///< 403
  too_large,         ///< 413
  refused,           ///< nothing that luge knows helps
};

/// An answer's status and the code in it, whatever its shape.
struct StreamingAnswer {
  int status = 0;
  std::string code;     ///< a name, or digits; empty: none. Never free text
  int envelope = 0;     ///< "status_code" of the body; 0: good, or not there
  bool is_json = false;

  bool good() const { return status >= 200 && status < 300 && envelope == 0; }
  /// "503 ERR_GENERAL_EXCEPTION_RETRY_REQUEST"
  std::string describe() const;
};

/// Reads {"code"}, {"error_code"}, {"status_code"}, a bare JSON string, or nothing. The server's free text is not kept: it may quote values.
StreamingAnswer read_answer(const HttpResponse& response);

enum class StreamingCall { session, open, append, status, drop };

/// By code, then by status; what neither tells, by what was called.
StreamingVerdict verdict_of(const StreamingAnswer& answer, StreamingCall call);
/// Of a channel_status_code that is neither SUCCESS nor ACTIVE.
StreamingVerdict verdict_of_channel_code(std::string_view code);

/// The error that a caller of IngestClient gets. `what`: what was asked, of which channel or table ("append to PUBLIC.T/ch0").
Error streaming_error(StreamingVerdict verdict, const std::string& said, const std::string& what);
/// "channel_invalid" for a reason of luge's own.
Error channel_invalid(const std::string& why);
Error row_too_large(const std::string& what);

}  // namespace luge
