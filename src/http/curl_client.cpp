#include "http/curl_client.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <curl/curl.h>
#include <mutex>
#include <netdb.h>
#include <sys/socket.h>

#include "base/ensure.h"

namespace luge {

namespace {

void start_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl does not start"); });
}

struct Exchange {
  const CurlOptions& options;
  HttpResponse response;
  bool too_large = false;
  std::string refused_address;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::size_t bytes = size * count;
  if (exchange.response.body.size() + bytes > exchange.options.largest_response_bytes) {
    exchange.too_large = true;
    return 0;
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();  // of an interim response (100 Continue)
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front())) != 0) value.remove_prefix(1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())) != 0) value.remove_suffix(1);
  exchange.response.headers.emplace_back(std::move(name), std::string(value));
  return line.size();
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->options.stop.stop_requested() ? 1 : 0;
}

/// The address that is asked about is the one that is connected to: no second look-up could answer differently.
curl_socket_t open_permitted_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(context);
  char text[NI_MAXHOST] = {};
  if (getnameinfo(&address->addr, address->addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0 || !exchange.options.may_connect(text)) {
    exchange.refused_address = text;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// scheme://host of the URL, for messages: a query may hold what nobody should read.
std::string origin_of(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url.substr(0, 80);
  return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

bool is_loopback_http(const std::string& origin) {
  const std::string_view rest = std::string_view(origin).substr(std::strlen("http://"));
  const std::string_view host = rest.starts_with('[') ? rest.substr(0, rest.find(']') + 1) : rest.substr(0, rest.find(':'));
  // An address, not a name that begins like one.
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

Error error_of(CURLcode code, const std::string& detail, const std::string& origin, bool sent) {
  const std::string why = detail.empty() ? curl_easy_strerror(code) : detail;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return make_error(Recovery::retry, "unresolved", origin + ": " + why, "check the host's name and the network");
    case CURLE_COULDNT_CONNECT:
      return make_error(Recovery::retry, "unreachable", origin + ": " + why, "check that something listens there: host, port, firewall");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM: return fatal("tls", origin + ": " + why, "a private authority is trusted with ca_file: PATH");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return fatal("bad_url", origin + " is not a URL luge can use: " + why, "write https://host[:port]");
    case CURLE_ABORTED_BY_CALLBACK: return make_error(Recovery::retry, "cancelled", origin + ": luge is stopping");
    case CURLE_OPERATION_TIMEDOUT: {
      Error error = make_error(Recovery::retry, "timeout", origin + " did not answer in time: " + why, "luge tries again");
      if (sent) error.write_state = WriteState::unknown;
      return error;
    }
    default: {
      Error error = make_error(Recovery::retry, "connection_lost", origin + ": " + why, "luge tries again");
      if (sent) error.write_state = WriteState::unknown;
      return error;
    }
  }
}

}  // namespace

struct CurlClient::Handle {
  CURL* easy = nullptr;
  char detail[CURL_ERROR_SIZE] = {};
  ~Handle() { curl_easy_cleanup(easy); }
};

CurlClient::CurlClient(CurlOptions options) : options_(std::move(options)), handle_(std::make_unique<Handle>()) {
  start_curl_once();
  handle_->easy = curl_easy_init();
  ENSURE(handle_->easy != nullptr, "libcurl gives no handle");
}

CurlClient::~CurlClient() = default;

Result<HttpResponse> CurlClient::send(const HttpRequest& request) {
  const std::string origin = origin_of(request.url);
  if (origin.starts_with("http://") && !is_loopback_http(origin)) {
    return fatal("insecure_url", origin + " would carry credentials in the clear", "write https://; plain http:// is for loopback addresses only");
  }
  CURL* const easy = handle_->easy;
  curl_easy_reset(easy);  // options only: connections, sessions and DNS stay
  Exchange exchange{options_, {}, false, {}};
  handle_->detail[0] = '\0';

  const auto set = [easy](CURLoption option, auto value) { ENSURE(curl_easy_setopt(easy, option, value) == CURLE_OK, "libcurl refuses an option"); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_ERRORBUFFER, handle_->detail);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count() / 1000));
  set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request.timeout.count() / 1000)));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_ACCEPT_ENCODING, "");  // whatever libcurl can decode
  if (options_.may_connect) {
    set(CURLOPT_PROXY, "");
    set(CURLOPT_OPENSOCKETFUNCTION, open_permitted_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&exchange));
  }
  if (!options_.ca_file.empty()) {
    set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }

  curl_slist* list = nullptr;
  const std::unique_ptr<curl_slist*, void (*)(curl_slist**)> free_list(&list, [](curl_slist** all) { curl_slist_free_all(*all); });
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) return fatal("bad_header", "a header's value holds a line break");
    list = curl_slist_append(list, (name + ": " + value).c_str());
  }
  list = curl_slist_append(list, "Expect:");  // no extra round trip before a large body
  set(CURLOPT_HTTPHEADER, list);

  switch (request.method) {
    case HttpRequest::Method::get: set(CURLOPT_HTTPGET, 1L); break;
    case HttpRequest::Method::post: set(CURLOPT_POST, 1L); break;
    case HttpRequest::Method::put:
      set(CURLOPT_POST, 1L);
      set(CURLOPT_CUSTOMREQUEST, "PUT");
      break;
    case HttpRequest::Method::remove:
      if (!request.body.empty()) set(CURLOPT_POST, 1L);
      set(CURLOPT_CUSTOMREQUEST, "DELETE");
      break;
  }
  if (request.method != HttpRequest::Method::get && (request.method != HttpRequest::Method::remove || !request.body.empty())) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data() == nullptr ? "" : request.body.data());
  }

  const CURLcode code = curl_easy_perform(easy);
  if (exchange.too_large)
    return fatal("response_too_large", origin + " answered with more than " + std::to_string(options_.largest_response_bytes) + " bytes");
  if (code == CURLE_COULDNT_CONNECT && !exchange.refused_address.empty())
    return fatal("address_refused", origin + " leads to " + exchange.refused_address + ", which this client must not connect to");
  if (code != CURLE_OK) {
    curl_off_t sent = 0;
    long request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return error_of(code, handle_->detail, origin, sent > 0 || request_bytes > 0);
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace luge
