#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "destination/snowflake/auth/oauth_grant.h"
#include "destination/snowflake/auth/token_source.h"
#include "http/http_client.h"

namespace luge {

/// OAuth access tokens, fetched from the token endpoint: kept until a minute before their end (half their life when they live less than two
/// minutes), or until they are refused when no end is told. A refresh token that comes with one replaces the one before.
class RenewedTokens final : public TokenSource {
 public:
  /// `http` and `clock` must outlive it; it uses `http` under its own lock.
  RenewedTokens(HttpClient& http, OauthGrant grant, const Clock& clock);
  /// Errors: HttpClient's, and those of oauth_error(). None of them means that something was written.
  Result<AuthToken> token() override;
  /// True once for each token: an endpoint that gives the refused one again has nothing better.
  bool refused(const AuthToken& token) override;

 private:
  Status renew();
  Status take(const HttpResponse& response, Instant asked);

  HttpClient& http_;
  const OauthGrant grant_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string refresh_token_;
  std::string access_;   ///< empty: none
  std::string refused_;  ///< the last that was
  std::optional<Instant> renew_at_;  ///< nullopt: when it is refused
  Instant ends_at_;
};

}  // namespace luge
