#include "destination/snowflake/auth/renewed_tokens.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/auth/oauth_error.h"

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr Duration kTimeout = std::chrono::seconds(15);  // everybody who needs a token waits for it
constexpr Duration kRenewBefore = std::chrono::seconds(60);
constexpr Duration kLeastUse = std::chrono::seconds(1);
constexpr Duration kAskAgain = std::chrono::seconds(10);
constexpr std::int64_t kLongestLife = 86'400;

std::string text_of(const Json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// expires_in, a number; of some endpoints as text. nullopt: not told.
std::optional<Duration> life_of(const Json& document) {
  const auto found = document.find("expires_in");
  if (found == document.end()) return std::nullopt;
  double seconds = 0;
  if (found->is_number()) {
    seconds = found->get<double>();
  } else if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  } else {
    return std::nullopt;
  }
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp<double>(seconds, 0, kLongestLife)));
}

/// Fit for a header.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isgraph(c) != 0; });
}

}  // namespace

RenewedTokens::RenewedTokens(HttpClient& http, OauthGrant grant, const Clock& clock)
    : http_(http), grant_(std::move(grant)), clock_(clock), refresh_token_(grant_.refresh_token) {}

Result<AuthToken> RenewedTokens::token() {
  const std::lock_guard lock(mutex_);
  if (access_.empty() || (renew_at_ && clock_.now() >= *renew_at_)) {
    Status renewed = renew();
    if (!renewed) {
      // What is at hand is good for a little longer, and the endpoint may be back by then.
      const bool holds = !access_.empty() && clock_.now() < ends_at_ && renewed.error().recovery == Recovery::retry;
      if (!holds) {
        Error error = std::move(renewed).error();
        error.write_state = WriteState::not_applied;
        return error;
      }
      renew_at_ = clock_.now() + kAskAgain;
    }
  }
  return AuthToken{access_, "OAUTH"};
}

bool RenewedTokens::refused(const AuthToken& token) {
  const std::lock_guard lock(mutex_);
  if (token.value != access_) return true;  // somebody has said so before
  access_.clear();
  const bool again = token.value == refused_;
  refused_ = token.value;
  return !again;
}

Status RenewedTokens::renew() {
  std::string body = std::string("grant_type=") + grant_.type();
  if (!refresh_token_.empty()) body += "&refresh_token=" + url_encode(refresh_token_);
  if (!grant_.scope.empty()) body += "&scope=" + url_encode(grant_.scope);
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = grant_.endpoint;
  request.headers = {{"Authorization", "Basic " + base64(grant_.client_id + ":" + grant_.client_secret)},
                     {"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = body;
  request.timeout = kTimeout;
  const Instant asked = clock_.now();
  TRY(const HttpResponse response, http_.send(request));
  return take(response, asked);
}

Status RenewedTokens::take(const HttpResponse& response, Instant asked) {
  const Json document = Json::parse(response.body, nullptr, false);
  std::string token = document.is_object() ? text_of(document, "access_token") : std::string();
  if (!response.good() || !is_token(token)) return oauth_error(response, grant_);
  access_ = std::move(token);
  if (std::string next = text_of(document, "refresh_token"); !next.empty() && !refresh_token_.empty()) refresh_token_ = std::move(next);
  const auto life = life_of(document);
  renew_at_.reset();
  ends_at_ = asked;
  if (life) {
    renew_at_ = asked + std::max({*life - kRenewBefore, *life / 2, kLeastUse});
    ends_at_ = asked + *life;
  }
  return ok();
}

}  // namespace luge
