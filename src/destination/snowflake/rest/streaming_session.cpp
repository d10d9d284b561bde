#include "destination/snowflake/rest/streaming_session.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "destination/snowflake/auth/key_pair_jwt.h"
#include "destination/snowflake/rest/streaming_error.h"

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr Duration kTimeout = std::chrono::seconds(30);
constexpr Duration kRenewBefore = std::chrono::seconds(60);
constexpr Duration kLeastUse = std::chrono::seconds(1);  // also when this machine's clock is so far ahead that every token looks old
constexpr std::int64_t kUnixOfPostgresEpoch = 946'684'800;

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The first of the fields that is a string; the body itself if it is no JSON object.
std::string field_or_text(std::string_view body, std::initializer_list<const char*> keys) {
  const Json document = Json::parse(body, nullptr, false);
  if (!document.is_object()) return std::string(trimmed(body));
  for (const char* key : keys) {
    if (const auto found = document.find(key); found != document.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isgraph(c) != 0; });
}

bool is_loopback(std::string_view host) { return host == "localhost" || host == "[::1]" || host.starts_with("127."); }

}  // namespace

const char* const kStreamingUserAgent = "luge/" LUGE_VERSION;

std::optional<std::string> parse_ingest_host(std::string_view body) {
  std::string host = field_or_text(body, {"hostname"});
  for (char& c : host) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; };
  if (host.empty() || host.size() > 253 || !std::all_of(host.begin(), host.end(), fits)) return std::nullopt;
  return host;
}

std::string ingest_url(const std::string& control_url, const std::string& host) {
  const auto scheme_end = control_url.find("://");
  const std::string scheme = scheme_end == std::string::npos ? "https" : control_url.substr(0, scheme_end);
  const std::string authority = scheme_end == std::string::npos ? control_url : control_url.substr(scheme_end + 3);
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  if (has_port) return scheme + "://" + host + authority.substr(colon);
  return (is_loopback(authority) ? scheme : "https") + "://" + host;
}

StreamingSession::StreamingSession(std::string url, TokenSource& tokens, const Clock& clock) : url_(std::move(url)), tokens_(tokens), clock_(clock) {}

Result<StreamingSession::Access> StreamingSession::access(HttpClient& http) {
  const std::lock_guard lock(mutex_);
  if (host_.empty()) CHECK_OK(discover(http));
  if (!scoped_ || clock_.now() >= renew_at_) CHECK_OK(exchange(http));
  return Access{ingest_url(url_, host_), *scoped_, host_id_};
}

bool StreamingSession::refused(const Access& used) {
  const std::lock_guard lock(mutex_);
  if (scoped_ && scoped_->value != used.token.value) return true;  // somebody has renewed it meanwhile
  scoped_.reset();
  return exchanged_ || tokens_.refused(used.token);
}

void StreamingSession::invalidate(const Access& used) {
  const std::lock_guard lock(mutex_);
  if (used.host_id != host_id_) return;
  host_.clear();
  scoped_.reset();
}

Status StreamingSession::discover(HttpClient& http) {
  HttpRequest request;
  request.url = url_ + "/v2/streaming/hostname";
  TRY(const HttpResponse response, ask(http, std::move(request), "the question for its ingest host"));
  auto host = parse_ingest_host(response.body);
  if (!host) return streaming_error(StreamingVerdict::accepted, "200", "the question for its ingest host");
  host_ = *std::move(host);
  ++host_id_;
  return ok();
}

Status StreamingSession::exchange(HttpClient& http) {
  TRY(AuthToken own, tokens_.token());
  if (own.type != "KEYPAIR_JWT") {  // taken as it is; its source knows when it ends, so it is asked each time
    scoped_ = std::move(own);
    exchanged_ = false;
    renew_at_ = clock_.now();
    return ok();
  }
  const std::string body = "grant_type=" + url_encode("urn:ietf:params:oauth:grant-type:jwt-bearer") + "&scope=" + url_encode(host_);
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = url_ + "/oauth/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = body;
  TRY(const HttpResponse response, ask(http, std::move(request), "the exchange of luge's key-pair token"));
  std::string token = field_or_text(response.body, {"token", "access_token"});
  if (!is_token(token)) return streaming_error(StreamingVerdict::accepted, "200", "the exchange of luge's key-pair token");
  const std::int64_t expiry = jwt_expiry_s(token);
  const std::int64_t wall_now = kUnixOfPostgresEpoch + clock_.wall_now().micros / 1'000'000;
  // A minute early; of a life of less than two minutes, half. Without an expiry: until it is refused.
  const Duration life = std::chrono::seconds(expiry == 0 ? 86'400 : std::clamp<std::int64_t>(expiry - wall_now, 0, 86'400));
  renew_at_ = clock_.now() + std::max({life - kRenewBefore, life / 2, kLeastUse});
  scoped_ = AuthToken{std::move(token), "OAUTH"};
  exchanged_ = true;
  return ok();
}

/// To the account's own host, with the source's own token; once more if that one has expired.
Result<HttpResponse> StreamingSession::ask(HttpClient& http, HttpRequest request, const std::string& what) {
  const HttpHeaders headers = std::move(request.headers);
  request.timeout = kTimeout;
  for (bool renewed = false;; renewed = true) {
    TRY(const AuthToken token, tokens_.token());
    request.headers = headers;
    request.headers.insert(request.headers.end(), {{"Authorization", "Bearer " + token.value},
                                                   {"X-Snowflake-Authorization-Token-Type", token.type},
                                                   {"Accept", "application/json"},
                                                   {"User-Agent", kStreamingUserAgent}});
    TRY(HttpResponse response, http.send(request));
    const StreamingAnswer answer = read_answer(response);
    const StreamingVerdict verdict = verdict_of(answer, StreamingCall::session);
    if (verdict == StreamingVerdict::accepted) return response;
    if (verdict == StreamingVerdict::renew_token && !renewed && tokens_.refused(token)) continue;
    if (verdict == StreamingVerdict::refused) {
      return fatal("refused", "Snowflake answered " + answer.describe() + " to " + what + " at " + url_,
                   "check snowflake.account or snowflake.url: it names the account's own host");
    }
    return streaming_error(verdict, answer.describe(), what);
  }
}

}  // namespace luge
