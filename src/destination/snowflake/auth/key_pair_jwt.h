#pragma once
#include <cstdint>
#include <string>

#include "destination/snowflake/auth/key_pair.h"

namespace luge {

/// Account and user as Snowflake's JWT wants them: upper case; ".global" accounts cut at their first "-", others at their first ".".
std::string jwt_account(std::string account);

/// Snowflake's key-pair JWT (RS256; reference: "Key-pair authentication" of the SQL API): iss = ACCOUNT.USER.fingerprint, sub = ACCOUNT.USER.
/// `role`: optional, asked for with the scope claim. `lifetime_s` at most 3600.
std::string make_key_pair_jwt(const KeyPair& key, const std::string& account, const std::string& user, const std::string& role,
                              std::int64_t issued_at_s, std::int64_t lifetime_s);

/// The `exp` of any JWT, in Unix seconds; 0 if it has none. The signature is not looked at.
std::int64_t jwt_expiry_s(std::string_view token);

}  // namespace luge
