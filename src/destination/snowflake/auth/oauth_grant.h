#pragma once
#include <compare>
#include <string>

#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// What an OAuth client gets its access tokens with. Holds secrets: never print it.
struct OauthGrant {
  std::string endpoint;
  std::string client_id;
  std::string client_secret;
  std::string refresh_token;  ///< empty: the grant is client_credentials
  std::string scope;          ///< empty: none is sent

  /// As the standard names it.
  const char* type() const { return refresh_token.empty() ? "client_credentials" : "refresh_token"; }
  friend auto operator<=>(const OauthGrant&, const OauthGrant&) = default;
};

/// Of the options oauth_…, with Snowflake's own endpoint and the role's scope where none is chosen.
OauthGrant oauth_grant(const SnowflakeOptions& options);

}  // namespace luge
