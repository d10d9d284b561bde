#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "http/http_client.h"

namespace luge {

struct CurlOptions {
  std::string ca_file;                              ///< trusted beside nothing else; empty: the system's store
  Duration connect_timeout = std::chrono::seconds(15);
  std::string user_agent = "luge";
  std::stop_token stop;                             ///< ends an exchange that is under way
  std::size_t largest_response_bytes = 256U << 20;  ///< "response_too_large" beyond
  /// Asked before each connection with the IP address that it would go to, whatever name led there ("address_refused" when all are
  /// refused). Proxies are not used then: the address would be theirs.
  std::function<bool(std::string_view address)> may_connect;
};

/// HttpClient over libcurl. Keeps its connections open between exchanges. HTTPS certificates are always verified; redirects are not
/// followed; plain HTTP only to a loopback address ("insecure_url" otherwise). One thread at a time; any number of instances.
class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(CurlOptions options);
  ~CurlClient() override;
  Result<HttpResponse> send(const HttpRequest& request) override;

 private:
  struct Handle;
  const CurlOptions options_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace luge
