#include "destination/snowflake/auth/oauth_grant.h"

namespace luge {

OauthGrant oauth_grant(const SnowflakeOptions& options) {
  OauthGrant grant{options.oauth_token_endpoint, options.oauth_client_id, options.oauth_client_secret, options.oauth_refresh_token,
                   options.oauth_scope};
  // A refresh token is the account's own unless another endpoint is named.
  if (grant.endpoint.empty() && !grant.refresh_token.empty()) grant.endpoint = options.url + "/oauth/token-request";
  if (grant.scope.empty() && !options.role.empty()) grant.scope = "session:role:" + options.role;
  return grant;
}

}  // namespace luge
