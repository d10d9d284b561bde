#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/auth/key_pair.h"

namespace luge {

/// What goes into Authorization and X-Snowflake-Authorization-Token-Type.
struct AuthToken {
  std::string value;
  std::string type;  ///< KEYPAIR_JWT, PROGRAMMATIC_ACCESS_TOKEN or OAUTH
};

/// Gives the token for Snowflake's control host. Thread-safe. Never shows a token in an error.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual Result<AuthToken> token() = 0;
  /// The server refused `token` as expired. True: the next token() is another one, so that one more try is worth it.
  virtual bool refused(const AuthToken& token) = 0;
};

/// Signs a JWT and keeps it until five minutes before its end.
class KeyPairTokens final : public TokenSource {
 public:
  /// `clock` must outlive it.
  KeyPairTokens(KeyPair key, std::string account, std::string user, std::string role, const Clock& clock);
  Result<AuthToken> token() override;
  bool refused(const AuthToken& token) override;

 private:
  const KeyPair key_;
  const std::string account_;
  const std::string user_;
  const std::string role_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string jwt_;
  std::int64_t expires_s_ = 0;
};

/// A programmatic access token, or an OAuth access token that nobody renews.
class GivenToken final : public TokenSource {
 public:
  GivenToken(std::string value, std::string type) : token_{std::move(value), std::move(type)} {}
  Result<AuthToken> token() override { return token_; }
  bool refused(const AuthToken&) override { return false; }

 private:
  const AuthToken token_;
};

}  // namespace luge
