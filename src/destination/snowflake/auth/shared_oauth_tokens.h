#pragma once
#include <memory>
#include <string>

#include "destination/snowflake/auth/oauth_grant.h"
#include "destination/snowflake/auth/token_source.h"

namespace luge {

/// One RenewedTokens for everybody in this process who has the same grant, checks and pipelines alike, until the process ends: where a refresh
/// token serves once, only who fetched the last access token knows the next one.
std::unique_ptr<TokenSource> shared_oauth_tokens(const OauthGrant& grant, const std::string& ca_file);

}  // namespace luge
