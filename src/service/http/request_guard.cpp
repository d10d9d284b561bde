#include "service/http/request_guard.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <string>

namespace luge {

namespace {

bool is_reading(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// The host of a Host header: without the port, and without the brackets of an IPv6 address.
std::string_view name_of(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

bool is_address(std::string_view name) {
  std::array<std::byte, sizeof(in6_addr)> address{};
  const std::string text(name);
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 || ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  // The length of the token is no secret; what it is must not show in the time a wrong guess takes.
  unsigned char different = a.size() == b.size() ? 0 : 1;
  const std::string_view& measure = b.empty() ? a : b;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const volatile unsigned char left = static_cast<unsigned char>(a[i]);
    const volatile unsigned char right = static_cast<unsigned char>(measure[i % measure.size()]);
    different = static_cast<unsigned char>(different | (left ^ right));
  }
  return different == 0;
}

bool RequestGuard::knows_host(std::string_view host) const {
  // Only a name can be rebound to another address.
  const std::string name = lower(name_of(host));
  return name == "localhost" || is_address(name) || std::ranges::any_of(options_.host_names, [&](const auto& known) { return lower(known) == name; });
}

bool RequestGuard::has_token(std::optional<std::string_view> authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  if (options_.token.empty() || !authorization || authorization->size() < kScheme.size()) return false;
  return lower(authorization->substr(0, kScheme.size())) == kScheme && equal_in_constant_time(authorization->substr(kScheme.size()), options_.token);
}

std::optional<RequestGuard::Refusal> RequestGuard::refusal(const Facts& facts) const {
  if (!facts.host || !knows_host(*facts.host)) {
    return Refusal{421, "host", "this server is not known by the name in the Host header",
                   "use 127.0.0.1 or localhost, or give the name in http_names"};
  }
  if (facts.path == "/health" || facts.path == "/ready") return std::nullopt;
  const bool reading = is_reading(facts.method);
  if (!reading) {
    const bool same_origin =
        !facts.origin || lower(*facts.origin) == "http://" + lower(*facts.host) || lower(*facts.origin) == "https://" + lower(*facts.host);
    const bool same_site = !facts.fetch_site || *facts.fetch_site == "same-origin" || *facts.fetch_site == "none";
    if (!same_origin || !same_site) return Refusal{403, "origin", "a page of another site may not change anything here", {}};
  }
  if (reading && !options_.token_for_reading) return std::nullopt;
  if (options_.token.empty()) {
    return Refusal{403, "no_token", "nothing can be changed here: this server was started without a token", "start it with a token file"};
  }
  if (!has_token(facts.authorization)) {
    return Refusal{401, "token", "this needs the token, as `Authorization: Bearer TOKEN`", "the token is in the file that luge named at its start"};
  }
  return std::nullopt;
}

}  // namespace luge
