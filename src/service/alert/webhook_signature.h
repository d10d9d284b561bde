#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace luge {

/// HMAC-SHA256 in lower-case hexadecimal.
std::string hmac_sha256(std::string_view key, std::string_view message);

/// The value of X-Luge-Signature: "t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>">". With the time inside, a receiver can refuse
/// what somebody recorded and sends again.
std::string webhook_signature(std::string_view secret, std::int64_t unix_seconds, std::string_view body);

}  // namespace luge
