#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace luge {

/// Which addresses a webhook may be sent to: those of the public internet, and of networks that the operator named. Private, link-local
/// and reserved ranges hold metadata services and admin interfaces, to which nobody must be able to point luge.
class NetworkRule {
 public:
  NetworkRule() = default;
  /// `networks`: "10.1.0.0/16", "fd00::/8", "127.0.0.1". Errors: usage "bad_network".
  static Result<NetworkRule> parse(const std::vector<std::string>& networks);

  /// `address`: numeric, IPv4 or IPv6. What is no address is not permitted.
  bool permits(std::string_view address) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  ///< an IPv4 address stands in ::ffff:0:0/96
  struct Network {
    Bytes address{};
    unsigned bits = 128;
    bool contains(const Bytes& other) const;
  };
  static std::optional<Bytes> bytes_of(std::string_view address);
  static std::optional<Network> network_of(std::string_view text);
  static bool is_public(const Bytes& address);

  std::vector<Network> permitted_;
};

}  // namespace luge
