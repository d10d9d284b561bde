#include "service/alert/network_rule.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace luge {

namespace {

// IANA's special-purpose address registries. IPv6 has one range for public addresses; what is not in it is not public.
constexpr std::array<const char*, 16> kNotPublicV4 = {
    "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",     "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",  "255.255.255.255/32"};
constexpr const char* kPublicV6 = "2000::/3";
constexpr std::array<const char*, 4> kNotPublicV6 = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};
constexpr const char* kMappedV4 = "::ffff:0:0/96";
constexpr const char* kTranslatedV4 = "64:ff9b::/96";  // NAT64: an IPv4 address in its last four bytes

}  // namespace

bool NetworkRule::Network::contains(const Bytes& other) const {
  const unsigned whole = bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> (bits % 8));
  return (address[whole] & mask) == (other[whole] & mask);
}

std::optional<NetworkRule::Bytes> NetworkRule::bytes_of(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));  // without the zone of a link-local one
  Bytes bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes = {};
  bytes[10] = bytes[11] = 0xff;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  return std::nullopt;
}

std::optional<NetworkRule::Network> NetworkRule::network_of(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = bytes_of(text.substr(0, slash));
  if (!address) return std::nullopt;
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  Network network{*address, 128};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (failure != std::errc{} || end != digits.data() + digits.size() || bits > (v4 ? 32U : 128U)) return std::nullopt;
  network.bits = v4 ? 96 + bits : bits;
  return network;
}

bool NetworkRule::is_public(const Bytes& address) {
  static const auto not_public_v4 = [] {
    std::vector<Network> networks;
    for (const char* text : kNotPublicV4) networks.push_back(*network_of(text));
    return networks;
  }();
  static const auto not_public_v6 = [] {
    std::vector<Network> networks;
    for (const char* text : kNotPublicV6) networks.push_back(*network_of(text));
    return networks;
  }();
  static const Network public_v6 = *network_of(kPublicV6);
  static const Network mapped_v4 = *network_of(kMappedV4);
  static const Network translated_v4 = *network_of(kTranslatedV4);
  const auto holds = [](const std::vector<Network>& networks, const Bytes& other) {
    return std::ranges::any_of(networks, [&other](const Network& network) { return network.contains(other); });
  };
  if (translated_v4.contains(address)) {
    Bytes inner = mapped_v4.address;
    std::copy(address.begin() + 12, address.end(), inner.begin() + 12);
    return !holds(not_public_v4, inner);
  }
  if (mapped_v4.contains(address)) return !holds(not_public_v4, address);
  return public_v6.contains(address) && !holds(not_public_v6, address);
}

Result<NetworkRule> NetworkRule::parse(const std::vector<std::string>& networks) {
  NetworkRule rule;
  for (const std::string& text : networks) {
    const auto network = network_of(text);
    if (!network) {
      Error error = fatal("bad_network", "'" + text + "' is neither an IP address nor a network", "write 10.1.0.0/16, fd00::/8 or 10.1.2.3");
      error.exit_code = ExitCode::usage;
      return error;
    }
    rule.permitted_.push_back(*network);
  }
  return rule;
}

bool NetworkRule::permits(std::string_view address) const {
  const auto bytes = bytes_of(address);
  if (!bytes) return false;
  if (std::ranges::any_of(permitted_, [&bytes](const Network& network) { return network.contains(*bytes); })) return true;
  return is_public(*bytes);
}

}  // namespace luge
