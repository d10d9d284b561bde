#include "service/alert/webhook_url.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace luge {

namespace {

constexpr std::size_t kLongest = 2048;

Error bad(std::string what, std::string hint) {
  Error error = fatal("bad_webhook", std::move(what), std::move(hint));
  error.exit_code = ExitCode::usage;
  return error;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

struct Authority {
  std::string host;  ///< in lower case; of IPv6 without the brackets
  bool literal_v6 = false;
};

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failure == std::errc{} && end == text.data() + text.size() && port > 0 && port <= 65535;
}

std::optional<Authority> authority_of(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    authority.host = lower(text.substr(1, close - 1));
    authority.literal_v6 = true;
    rest = text.substr(close + 1);
  } else {
    const auto colon = text.find(':');
    authority.host = lower(text.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
  }
  if (!rest.empty() && (!rest.starts_with(':') || !is_port(rest.substr(1)))) return std::nullopt;
  constexpr std::string_view kName = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  constexpr std::string_view kAddress = "0123456789abcdef:.";
  const std::string_view allowed = authority.literal_v6 ? kAddress : kName;
  if (authority.host.empty() || authority.host.find_first_not_of(allowed) != std::string::npos) return std::nullopt;
  return authority;
}

bool is_listed(const std::string& host, const std::vector<std::string>& allowed_hosts) {
  return allowed_hosts.empty() || std::ranges::any_of(allowed_hosts, [&host](const std::string& allowed) {
           const std::string name = lower(allowed);
           return name.starts_with("*.") ? host.size() > name.size() - 1 && host.ends_with(name.substr(1)) : host == name;
         });
}

/// All digits and dots: some form of an IPv4 address, of which only the usual one is taken.
bool looks_numeric(std::string_view host) { return host.find_first_not_of("0123456789.") == std::string_view::npos; }

}  // namespace

Status check_webhook_url(std::string_view url, const std::vector<std::string>& allowed_hosts, const NetworkRule& networks) {
  if (url.size() > kLongest) return bad("the URL of a webhook is longer than 2048 characters", "copy it again");
  if (std::ranges::any_of(url, [](char c) { return c <= ' ' || c > '~' || c == '\\'; }))
    return bad("the URL of a webhook holds a blank, a backslash or another character that no URL has", "percent-encode it");
  const bool plain = url.starts_with("http://");
  if (!plain && !url.starts_with("https://")) return bad("a webhook is sent over https only", "write https://host/path");
  std::string_view rest = url.substr(plain ? 7 : 8);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.find('@') != std::string_view::npos)
    return bad("the URL of a webhook holds a user or password", "give them as a header: Authorization: Basic …");
  if (url.find('#') != std::string_view::npos) return bad("the URL of a webhook holds a #", "leave out what follows the #");
  const auto authority = authority_of(rest);
  if (!authority) return bad("the URL of a webhook names no host that luge understands", "write https://host[:port]/path");
  const std::string& host = authority->host;
  if (!is_listed(host, allowed_hosts)) return bad("webhooks to " + host + " are not allowed", "add the host to the list of allowed ones");
  const bool numeric = authority->literal_v6 || looks_numeric(host);
  if (numeric && !networks.permits(host))
    return bad("webhooks to the address " + host + " are not allowed", "private networks must be named: 10.1.0.0/16");
  if (plain && !(numeric && (host == "::1" || host.starts_with("127."))))
    return bad("a webhook is sent over https only", "write https://; plain http:// is for a loopback address that was permitted");
  return ok();
}

}  // namespace luge
