#include "destination/snowflake/rest/streaming_error.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

namespace luge {

namespace {

using Json = nlohmann::json;
using Verdict = StreamingVerdict;

struct CodeRule {
  std::string_view code;  ///< or its beginning, when it ends with "*"
  Verdict verdict;
};

// The first that matches. Which HTTP status comes with a code is not certain, so the code decides.
constexpr CodeRule kCodes[] = {
    {"STALE_CONTINUATION_TOKEN_SEQUENCER", Verdict::reopen},
    {"ERR_CHANNEL_HAS_UNCOMMITTED_DATA", Verdict::uncommitted_rows},
    {"ERR_OPEN_CHANNEL_IN_PROGRESS", Verdict::opening},
    {"ERR_CHANNEL_*", Verdict::reopen},  // …HAS_INVALID_ROW_SEQUENCER, …MUST_BE_REOPENED…, …DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED, …NO_LONGER_EXISTS
    {"STALE_PIPE_CACHE", Verdict::stale_pipe_cache},
    {"ERR_PIPE_IN_INVALID_STATE", Verdict::pipe_invalid},
    {"ERR_PIPE_KIND_NOT_SUPPORTED", Verdict::pipe_kind},
    {"ERR_PIPE_NOT_LOCALLY_OWNED_OR_NOT_STARTED", Verdict::repeat},
    {"ERR_PIPE_DOES_NOT_EXIST*", Verdict::table_missing},
    {"ERR_TABLE_DOES_NOT_EXIST*", Verdict::table_missing},
    {"ERR_GENERAL_EXCEPTION_RETRY_REQUEST", Verdict::repeat},
    {"390701", Verdict::slow_down},
    {"390505", Verdict::slow_down},
    {"390101", Verdict::renew_token},  // no Authorization header
    {"390142", Verdict::renew_token},
    {"390144", Verdict::renew_token},  // JWT invalid
    {"390303", Verdict::renew_token},  // access token invalid
    {"390318", Verdict::renew_token},  // access token expired
    {"394400", Verdict::renew_token},  // programmatic access token invalid
};

/// "status_code" in the body of an answer: what Snowflake's Java client and others know of it.
constexpr int kEnvelopeAuth = 3;

std::optional<Verdict> of_code(std::string_view code) {
  for (const CodeRule& rule : kCodes) {
    const bool begins = rule.code.ends_with('*');
    if (begins ? code.starts_with(rule.code.substr(0, rule.code.size() - 1)) : code == rule.code) return rule.verdict;
  }
  return std::nullopt;
}

/// 404 without a code: of an append the channel may be all that is missing, and opening it tells; of a status it is known to be transient.
Verdict of_missing(StreamingCall call) {
  switch (call) {
    case StreamingCall::open: return Verdict::table_missing;
    case StreamingCall::append:
    case StreamingCall::drop: return Verdict::reopen;
    case StreamingCall::status: return Verdict::repeat;
    case StreamingCall::session: break;
  }
  return Verdict::refused;
}

Verdict of_status(int status, StreamingCall call) {
  switch (status) {
    case 401: return Verdict::renew_token;
    case 403: return Verdict::forbidden;
    case 404: return of_missing(call);
    case 408:
    case 409: return Verdict::repeat;
    case 410: return Verdict::failed_over;
    case 413: return Verdict::too_large;
    case 429: return Verdict::slow_down;
    default: return status >= 500 ? Verdict::repeat : Verdict::refused;
  }
}

/// Codes are words; anything else may be a sentence with a value in it.
std::string word_of(const Json& value) {
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  const bool is_word = text.size() <= 80 && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  return is_word ? text : std::string();
}

constexpr const char* kSafe = "Nothing is lost: what Snowflake has not committed is still in PostgreSQL's WAL.";

Error make(Recovery recovery, WriteState state, std::string_view code, std::string what, const std::string& advice) {
  // Acknowledgement goes on without a table that stops: its rows come back with a new copy.
  const bool of_one_table = recovery == Recovery::quarantine_table;
  Error error = make_error(recovery, code, std::move(what), of_one_table ? advice : advice + ". " + kSafe);
  error.write_state = state;
  return error;
}

}  // namespace

std::string StreamingAnswer::describe() const {
  std::string text = std::to_string(status);
  if (!code.empty()) text += " " + code;
  if (envelope != 0) text += " (status_code " + std::to_string(envelope) + ")";
  return text;
}

StreamingAnswer read_answer(const HttpResponse& response) {
  StreamingAnswer answer;
  answer.status = response.status;
  const Json document = Json::parse(response.body, nullptr, false);
  answer.is_json = !document.is_discarded();
  if (document.is_object()) {
    for (const char* key : {"code", "error_code"}) {
      if (const auto found = document.find(key); answer.code.empty() && found != document.end()) answer.code = word_of(*found);
    }
    if (const auto found = document.find("status_code"); found != document.end() && found->is_number_integer()) answer.envelope = found->get<int>();
  } else {
    answer.code = word_of(document);
  }
  return answer;
}

Verdict verdict_of(const StreamingAnswer& answer, StreamingCall call) {
  if (answer.good()) return Verdict::accepted;
  if (const auto verdict = of_code(answer.code)) {
    const bool waits_in_open = *verdict == Verdict::stale_pipe_cache || *verdict == Verdict::pipe_invalid;
    return waits_in_open && call == StreamingCall::append ? Verdict::reopen : *verdict;
  }
  if (answer.envelope == kEnvelopeAuth) return Verdict::renew_token;
  // 4 is a stale continuation token; with the others too it helps to ask the server where it is.
  if (answer.envelope != 0 && answer.status <= 400) return Verdict::reopen;
  if (call == StreamingCall::session && answer.status == 400) return Verdict::renew_token;  // of /oauth/token: the key or the scope
  return of_status(answer.status, call);
}

Verdict verdict_of_channel_code(std::string_view code) { return of_code(code).value_or(Verdict::reopen); }

Error streaming_error(Verdict verdict, const std::string& said, const std::string& what) {
  const std::string text = "Snowflake answered " + said + " to " + what;
  switch (verdict) {
    case Verdict::accepted:  // of a shape that cannot be read
      return make(Recovery::retry, WriteState::unknown, "protocol", text + ": luge cannot read that",
                  "luge tries again; see whether a proxy answers");
    case Verdict::repeat: return make(Recovery::retry, WriteState::unknown, "unavailable", text, "luge repeats the request byte for byte");
    case Verdict::slow_down: return make(Recovery::retry, WriteState::not_applied, "rate_limited", text, "luge waits and tries again");
    case Verdict::reopen:
      return make(Recovery::reconnect, WriteState::unknown, "channel_invalid", text,
                  "luge opens the channel again and sends what is behind its committed token; if this repeats, look for a second luge with this "
                  "pipeline's name");
    case Verdict::uncommitted_rows:
      return make(Recovery::retry, WriteState::not_applied, "uncommitted_rows", text, "luge waits until Snowflake has committed them");
    case Verdict::opening: return make(Recovery::retry, WriteState::not_applied, "open_in_progress", text, "luge waits and tries again");
    case Verdict::stale_pipe_cache:
      return make(Recovery::retry, WriteState::not_applied, "stale_pipe_cache", text + ": a table of that name was dropped a moment ago",
                  "luge waits and opens the channel again");
    case Verdict::pipe_invalid:
      return make(Recovery::quarantine_table, WriteState::not_applied, "pipe_invalid", text + ": the table's pipe takes no rows",
                  "look at SHOW PIPES and at the table; then: luge resync");
    case Verdict::pipe_kind:
      return make(Recovery::quarantine_table, WriteState::not_applied, "pipe_kind", text + ": the pipe of that name is none for streaming",
                  "somebody made it in place of the table's own: look at SHOW PIPES and drop it; then: luge resync");
    case Verdict::table_missing:
      return make(Recovery::quarantine_table, WriteState::not_applied, "table_missing",
                  text + ": the table or its pipe is not there, or the role may not write to it",
                  "check the role's grants (INSERT on the table); then: luge resync");
    case Verdict::failed_over:
      return make(Recovery::reconnect, WriteState::unknown, "client_invalid", text + ": another host serves the pipe now",
                  "luge asks for the host again and opens its channels there");
    case Verdict::renew_token:
      return make(Recovery::stop_pipeline, WriteState::not_applied, "auth", text + ", also with a new token",
                  "check account, user, and key or token: DESC USER shows RSA_PUBLIC_KEY_FP; check this machine's clock");
    case Verdict::forbidden:
      return make(Recovery::stop_pipeline, WriteState::not_applied, "forbidden", text, "check the user's network policy and the role's grants");
    case Verdict::too_large: return row_too_large(text);
    case Verdict::refused: break;
  }
  return make(Recovery::stop_pipeline, WriteState::not_applied, "refused", text + ": luge knows no answer to that",
              "look the code up in Snowflake's documentation of Snowpipe Streaming errors");
}

Error row_too_large(const std::string& what) {
  return make(Recovery::quarantine_table, WriteState::not_applied, "row_too_large",
              what + ": one row is more than a request may carry (4 MB compressed)",
              "leave the large column out of the table's publication, or make the value smaller; then: luge resync");
}

Error channel_invalid(const std::string& why) {
  return make(Recovery::reconnect, WriteState::unknown, "channel_invalid", why,
              "luge opens the channel again and sends what is behind its committed token");
}

}  // namespace luge
