#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace luge {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  enum class Method : char { get, post, put, remove };
  Method method = Method::get;
  std::string url;
  HttpHeaders headers;
  std::string_view body;                          ///< borrowed until send() returns
  Duration timeout = std::chrono::seconds(90);    ///< the whole exchange
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  ///< names in lower case
  std::string body;

  std::string_view header(std::string_view lower_case_name) const;
  bool good() const { return status >= 200 && status < 300; }
};

/// One exchange after the other. A response of any status is a value; an error means that there is none.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Error codes: "unresolved", "unreachable" (nothing was sent: not_applied); "tls" (certificate or handshake: not_applied,
  /// stop_pipeline); "timeout", "connection_lost" (write_state unknown once the request was on its way); "bad_url"; "cancelled".
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};

/// Percent-encodes everything but unreserved characters (RFC 3986): for path segments and query values.
std::string url_encode(std::string_view text);

}  // namespace luge
