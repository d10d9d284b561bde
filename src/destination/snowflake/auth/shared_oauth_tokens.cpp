#include "destination/snowflake/auth/shared_oauth_tokens.h"

#include <map>
#include <mutex>
#include <utility>

#include "destination/snowflake/auth/renewed_tokens.h"
#include "http/curl_client.h"

namespace luge {

namespace {

CurlOptions curl_options(const std::string& ca_file) {
  CurlOptions options;
  options.ca_file = ca_file;
  options.largest_response_bytes = 1U << 20;
  return options;
}

/// RenewedTokens with what it borrows.
struct OwningTokens {
  OwningTokens(const OauthGrant& grant, const std::string& ca_file) : http(curl_options(ca_file)), tokens(http, grant, clock) {}

  const SystemClock clock;
  CurlClient http;
  RenewedTokens tokens;
};

class SharedTokens final : public TokenSource {
 public:
  explicit SharedTokens(TokenSource& tokens) : tokens_(tokens) {}
  Result<AuthToken> token() override { return tokens_.token(); }
  bool refused(const AuthToken& token) override { return tokens_.refused(token); }

 private:
  TokenSource& tokens_;
};

}  // namespace

std::unique_ptr<TokenSource> shared_oauth_tokens(const OauthGrant& grant, const std::string& ca_file) {
  using Key = std::pair<OauthGrant, std::string>;
  static std::mutex mutex;
  // Never destroyed: at the end of the process OpenSSL may be gone before a connection that is kept here.
  static auto& known = *new std::map<Key, std::unique_ptr<OwningTokens>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<OwningTokens>& found = known[{grant, ca_file}];
  if (!found) found = std::make_unique<OwningTokens>(grant, ca_file);
  return std::make_unique<SharedTokens>(found->tokens);
}

}  // namespace luge
