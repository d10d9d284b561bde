#include "destination/snowflake/auth/token_source.h"

#include <utility>

#include "destination/snowflake/auth/key_pair_jwt.h"

namespace luge {

namespace {

constexpr std::int64_t kLifetime = 59 * 60;
constexpr std::int64_t kRenewBeforeS = 5 * 60;
constexpr std::int64_t kUnixOfPostgresEpoch = 946'684'800;

std::int64_t unix_now_s(const Clock& clock) { return kUnixOfPostgresEpoch + clock.wall_now().micros / 1'000'000; }

}  // namespace

KeyPairTokens::KeyPairTokens(KeyPair key, std::string account, std::string user, std::string role, const Clock& clock)
    : key_(std::move(key)), account_(std::move(account)), user_(std::move(user)), role_(std::move(role)), clock_(clock) {}

Result<AuthToken> KeyPairTokens::token() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = unix_now_s(clock_);
  // Also when the clock was set back: a token from the future is refused.
  if (jwt_.empty() || now + kRenewBeforeS >= expires_s_ || now + kLifetime < expires_s_) {
    jwt_ = make_key_pair_jwt(key_, account_, user_, role_, now, kLifetime);
    expires_s_ = now + kLifetime;
  }
  return AuthToken{jwt_, "KEYPAIR_JWT"};
}

bool KeyPairTokens::refused(const AuthToken& token) {
  const std::lock_guard lock(mutex_);
  if (token.value == jwt_) jwt_.clear();
  return true;
}

}  // namespace luge
