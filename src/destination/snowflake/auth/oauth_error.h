#pragma once
#include "base/result.h"
#include "destination/snowflake/auth/oauth_grant.h"
#include "http/http_client.h"

namespace luge {

/// What an OAuth token endpoint's answer without a token means (RFC 6749 §5.2): "oauth" needs an operator, "oauth_unavailable" is transient.
/// Of the answer only its status and an error code of the standard are repeated.
Error oauth_error(const HttpResponse& response, const OauthGrant& grant);

}  // namespace luge
