#include "destination/snowflake/rest/rest_ingest_client.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/rest/channel_reply.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

namespace {

using Verdict = StreamingVerdict;
using Method = HttpRequest::Method;

constexpr Duration kFirstPoll = std::chrono::milliseconds(100);
constexpr Duration kLongestPoll = std::chrono::seconds(2);

/// An identifier as a path segment. Without quotes it would be folded to upper case.
std::string segment(const std::string& name, const std::string& suffix = "") {
  const auto is_plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$'; };
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), is_plain) && !(name[0] >= '0' && name[0] <= '9') && name[0] != '$';
  if (plain) return url_encode(name + suffix);
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return url_encode(quoted + suffix + "\"");
}

std::string name_of(const ChannelId& id) { return "channel " + id.channel + " of " + id.schema + "." + id.table; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::size_t digest_of(const Buffer& body) { return std::hash<std::string_view>()({reinterpret_cast<const char*>(body.data()), body.size()}); }

}  // namespace

RestIngestClient::RestIngestClient(HttpClient& http, std::shared_ptr<StreamingSession> session, std::string database, const Clock& clock,
                                   Random& random, Pause pause, Duration answer, int zstd_level)
    : http_(http),
      session_(std::move(session)),
      database_(std::move(database)),
      clock_(clock),
      random_(random),
      pause_(std::move(pause)),
      answer_(answer),
      packer_(zstd_level) {}

std::string RestIngestClient::pipe_path(const std::string& schema, const std::string& table, bool data) const {
  return std::string("/v2/streaming/") + (data ? "data/" : "") + "databases/" + segment(database_) + "/schemas/" + segment(schema) + "/pipes/" +
         segment(table, "-STREAMING");
}

std::string RestIngestClient::channel_path(const ChannelId& channel, bool data) const {
  return pipe_path(channel.schema, channel.table, data) + "/channels/" + url_encode(channel.channel);
}

/// One exchange; a second one if the token had ended.
Result<RestIngestClient::Exchange> RestIngestClient::exchange(StreamingCall call, Method method, const std::string& path, HttpHeaders headers,
                                                              std::string_view body) {
  headers.insert(headers.end(), {{"Accept", "application/json"}, {"User-Agent", kStreamingUserAgent}});
  for (bool renewed = false;; renewed = true) {
    TRY(const StreamingSession::Access access, session_->access(http_));
    HttpRequest request;
    request.method = method;
    request.url = access.url + path;
    request.headers = headers;
    request.headers.insert(request.headers.end(),
                           {{"Authorization", "Bearer " + access.token.value}, {"X-Snowflake-Authorization-Token-Type", access.token.type}});
    request.body = body;
    request.timeout = answer_;
    TRY(HttpResponse response, http_.send(request));
    Exchange done;
    done.answer = read_answer(response);
    done.verdict = verdict_of(done.answer, call);
    done.response = std::move(response);
    if (done.verdict == Verdict::renew_token && !renewed && session_->refused(access)) continue;
    if (done.verdict == Verdict::failed_over) {
      session_->invalidate(access);
      channels_.clear();  // their tokens mean nothing to the next host
    }
    return done;
  }
}

Result<ChannelStatus> RestIngestClient::try_open(const ChannelId& channel, Duration /*settle*/, bool last) {
  const std::string what = "opening " + name_of(channel);
  channels_.erase(channel);
  // Without the flag the server throws them away; whoever sent them has the token to see that by.
  const std::string body = last ? "{}" : R"({"fail_on_uncommitted_rows":true})";
  TRY(const Exchange done, exchange(StreamingCall::open, Method::put, channel_path(channel, false) + "?requestId=" + make_uuid(random_),
                                    {{"Content-Type", "application/json"}}, body));
  if (done.verdict == Verdict::accepted) return opened(channel, done, what);
  return streaming_error(done.verdict, done.answer.describe(), what);
}

Result<ChannelStatus> RestIngestClient::open(const ChannelId& channel, Duration settle) {
  const Instant deadline = clock_.now() + settle;
  Duration poll = kFirstPoll;
  for (bool last = false;;) {
    auto status = try_open(channel, settle, last);
    if (status) return status;
    const std::string& code = status.error().code;
    const bool uncommitted = code == "uncommitted_rows";
    if (!uncommitted && code != "open_in_progress" && code != "stale_pipe_cache" && code != "pipe_invalid") return status;
    const Instant now = clock_.now();
    if (now >= deadline) {
      if (!uncommitted || last) return status;
      last = true;
      continue;
    }
    if (!pause_(std::min(poll, deadline - now)))
      return make_error(Recovery::retry, "cancelled", "opening " + name_of(channel) + ": luge is stopping");
    poll = std::min(poll * 2, kLongestPoll);
  }
}

Result<ChannelStatus> RestIngestClient::opened(const ChannelId& id, const Exchange& done, const std::string& what) {
  auto reply = parse_open_reply(done.response.body);
  if (!reply) return streaming_error(Verdict::accepted, done.answer.describe(), what);
  if (!reply->status.good()) return streaming_error(verdict_of_channel_code(reply->status.code), "channel_status_code " + reply->status.code, what);
  Channel& channel = channels_[id];
  channel.continuation_token = std::move(reply->continuation_token);
  channel.server_name = reply->channel.empty() ? id.channel : std::move(reply->channel);
  return std::move(reply->status);
}

Result<Appended> RestIngestClient::append(const ChannelId& id, const EncodedRows& rows, std::size_t from) {
  if (from >= rows.rows.size()) return Appended{};
  const auto found = channels_.find(id);
  if (found == channels_.end()) return channel_invalid(name_of(id) + " is not open in this client");
  Channel& channel = found->second;
  if (const Duration wait = channel.pace.wait(clock_.now()); wait > Duration(0)) return Appended{0, wait};

  const std::string what = "the append to " + name_of(id);
  if (channel.prepared && !repeat(*channel.prepared, rows, from)) {
    if (channel.prepared->unknown) {  // other rows under its token would be dropped, and answered with 200
      channels_.erase(found);
      return channel_invalid(what + ": rows were offered that do not repeat the request whose outcome is unknown");
    }
    channel.prepared.reset();
  }
  if (!channel.prepared && !prepare(id, channel, rows, from)) return row_too_large(what);

  Prepared& prepared = *channel.prepared;
  const std::string plain_bytes = std::to_string(prepared.plain_bytes);
  HttpHeaders headers = {
      {"Content-Type", "application/x-ndjson"}, {"Content-Encoding", "zstd"}, {"x-snowflake-uncompressed-content-length", plain_bytes}};
  if (!channel.sticky.empty()) headers.emplace_back("x-snowflake-session", channel.sticky);
  const std::string_view body(reinterpret_cast<const char*>(body_.data()), body_.size());
  channel.pace.sent(clock_.now(), prepared.plain_bytes);
  auto done = exchange(StreamingCall::append, Method::post, prepared.path, std::move(headers), body);
  if (!done) {
    prepared.unknown = prepared.unknown || done.error().write_state == WriteState::unknown;
    Error error = std::move(done).error();
    if (prepared.unknown) error.write_state = WriteState::unknown;
    return error;
  }

  switch (done->verdict) {
    case Verdict::accepted: {
      auto token = parse_append_reply(done->response.body);
      if (!token) break;
      const Appended appended{prepared.rows, {}};
      channel.continuation_token = *std::move(token);
      if (const auto sticky = done->response.header("x-snowflake-session"); !sticky.empty()) channel.sticky = sticky;
      channel.slow_down.succeeded();
      channel.prepared.reset();
      return appended;
    }
    case Verdict::slow_down: {
      const Duration delay = channel.slow_down.next_delay(clock_.now(), random_);
      channel.pace.hold_until(clock_.now() + delay);
      return Appended{0, std::max(delay, channel.pace.wait(clock_.now()))};
    }
    case Verdict::too_large: {
      if (prepared.unknown) break;  // it was not too large for whoever may have taken it
      const bool single = prepared.rows == 1;
      const bool smaller = packer_.shrink(body_.size());
      channel.prepared.reset();
      if (!single && smaller) return Appended{0, channel.pace.wait(clock_.now())};
      return streaming_error(Verdict::too_large, done->answer.describe(), what);
    }
    default: break;
  }
  return lost(id, done->verdict == Verdict::too_large ? Verdict::reopen : done->verdict, done->answer, what);
}

/// What an append that was not taken for sure means for its channel.
Error RestIngestClient::lost(const ChannelId& id, Verdict verdict, const StreamingAnswer& answer, const std::string& what) {
  Error error = streaming_error(verdict, answer.describe(), what);
  const auto found = channels_.find(id);
  if (found == channels_.end()) return error;  // failed over
  if (error.recovery == Recovery::reconnect || error.recovery == Recovery::quarantine_table) {
    channels_.erase(found);
    return error;
  }
  Prepared& prepared = *found->second.prepared;
  prepared.unknown = prepared.unknown || error.write_state == WriteState::unknown;
  if (prepared.unknown) error.write_state = WriteState::unknown;
  return error;
}

bool RestIngestClient::repeat(const Prepared& prepared, const EncodedRows& rows, std::size_t from) {
  const bool same = from + prepared.rows <= rows.rows.size() && rows.rows[from].position == prepared.first &&
                    rows.rows[from + prepared.rows - 1].position == prepared.last &&
                    rows.rows[from + prepared.rows - 1].end - rows.begin(from) == prepared.plain_bytes;
  return same && packer_.pack_again(rows, from, prepared.rows, prepared.room, body_) && digest_of(body_) == prepared.digest;
}

/// False: a single row is more than a request carries.
bool RestIngestClient::prepare(const ChannelId& id, Channel& channel, const EncodedRows& rows, std::size_t from) {
  Prepared prepared;
  prepared.rows = packer_.pack(rows, from, body_);
  if (prepared.rows == 0) return false;
  prepared.room = packer_.room();
  prepared.digest = digest_of(body_);
  const std::size_t last = from + prepared.rows - 1;
  prepared.plain_bytes = rows.rows[last].end - rows.begin(from);
  prepared.first = rows.rows[from].position;
  prepared.last = rows.rows[last].position;
  prepared.path = channel_path(id, true) + "/rows?continuationToken=" + url_encode(channel.continuation_token) +
                  "&startOffsetToken=" + url_encode(offset_token(prepared.first)) + "&endOffsetToken=" + url_encode(offset_token(prepared.last)) +
                  "&requestId=" + make_uuid(random_);
  channel.prepared = std::move(prepared);
  return true;
}

Result<std::map<std::string, ChannelStatus>> RestIngestClient::statuses(const std::string& schema, const std::string& table,
                                                                        const std::vector<std::string>& channels) {
  const std::string what = "the question for the channels of " + schema + "." + table;
  std::map<std::string, ChannelStatus> found;
  if (channels.empty()) return found;
  std::map<std::string, std::string> asked;  // the server's name -> the caller's
  nlohmann::json names = nlohmann::json::array();
  for (const std::string& name : channels) {
    const auto open = channels_.find({schema, table, name});
    const std::string& server_name = open == channels_.end() ? name : open->second.server_name;
    asked.emplace(server_name, name);
    names.push_back(server_name);
  }
  const std::string body = nlohmann::json{{"channel_names", std::move(names)}}.dump();
  TRY(const Exchange done, exchange(StreamingCall::status, Method::post, pipe_path(schema, table, false) + ":bulk-channel-status",
                                    {{"Content-Type", "application/json"}}, body));
  if (done.verdict != Verdict::accepted) return streaming_error(done.verdict, done.answer.describe(), what);
  auto reply = parse_statuses(done.response.body);
  if (!reply) return streaming_error(Verdict::accepted, done.answer.describe(), what);
  for (auto& [server_name, status] : *reply) {
    auto match = asked.find(server_name);
    if (match == asked.end()) {
      match = std::find_if(asked.begin(), asked.end(), [&](const auto& entry) { return same_ignoring_case(entry.first, server_name); });
    }
    if (match != asked.end()) found.emplace(match->second, std::move(status));
  }
  return found;
}

Status RestIngestClient::drop(const ChannelId& channel) {
  channels_.erase(channel);
  TRY(const Exchange done, exchange(StreamingCall::drop, Method::remove, channel_path(channel, false) + "?requestId=" + make_uuid(random_),
                                    {{"Content-Type", "application/json"}}, "{}"));
  // It is gone, or never was.
  if (done.verdict == Verdict::accepted || done.verdict == Verdict::reopen || done.verdict == Verdict::table_missing) return ok();
  return streaming_error(done.verdict, done.answer.describe(), "dropping " + name_of(channel));
}

}  // namespace luge
