#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/auth/token_source.h"
#include "http/http_client.h"

namespace luge {

/// The way to the ingest host, shared by all clients of a destination: its name, and the token that it takes. Both are asked for at the first
/// use and again when they end. Thread-safe: while one client asks, the others wait for what it learns.
class StreamingSession {
 public:
  /// `url`: the account's, https://host[:port] without a trailing slash. `tokens` and `clock` must outlive it.
  StreamingSession(std::string url, TokenSource& tokens, const Clock& clock);

  struct Access {
    std::string url;         ///< of the ingest host
    AuthToken token;
    std::uint64_t host_id = 0;  ///< counts discoveries
  };

  /// `http` is the caller's own. Errors: HttpClient's, "auth", "forbidden", "refused", and transient ones with Recovery::retry.
  Result<Access> access(HttpClient& http);
  /// The ingest host refused the token of `used`. True: the next access() has another one.
  bool refused(const Access& used);
  /// The host of `used` serves the pipe no more. Does nothing if somebody else has said so before.
  void invalidate(const Access& used);

 private:
  Status discover(HttpClient& http);
  Status exchange(HttpClient& http);
  Result<HttpResponse> ask(HttpClient& http, HttpRequest request, const std::string& what);

  const std::string url_;
  TokenSource& tokens_;
  const Clock& clock_;

  std::mutex mutex_;
  std::string host_;  ///< empty: not known
  std::uint64_t host_id_ = 0;
  std::optional<AuthToken> scoped_;
  bool exchanged_ = false;  ///< scoped_ came from /oauth/token, and not from `tokens_` as it is
  Instant renew_at_;
};

/// "luge/<version>"
extern const char* const kStreamingUserAgent;

/// The ingest host's name out of an answer, bare or {"hostname"}: lower case, "-" for "_". nullopt: not a name.
std::optional<std::string> parse_ingest_host(std::string_view body);
/// Where that host listens: on the account's port where the account's URL names one or is of this machine, else on 443.
std::string ingest_url(const std::string& control_url, const std::string& host);

}  // namespace luge
