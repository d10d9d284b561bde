#include "service/alert/webhook_signature.h"

#include <array>
#include <openssl/evp.h>

#include "base/ensure.h"

namespace luge {

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  std::size_t size = 0;
  const char* const key_bytes = key.empty() ? "" : key.data();  // OpenSSL takes a null key for "the same as before"
  const auto* done = EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_bytes, key.size(),
                               reinterpret_cast<const unsigned char*>(message.data()), message.size(), code.data(), code.size(), &size);
  ENSURE(done != nullptr && size == 32, "OpenSSL has no HMAC-SHA256");
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kHex[code[i] >> 4];
    text += kHex[code[i] & 15];
  }
  return text;
}

std::string webhook_signature(std::string_view secret, std::int64_t unix_seconds, std::string_view body) {
  const std::string time = std::to_string(unix_seconds);
  return "t=" + time + ",v1=" + hmac_sha256(secret, time + "." + std::string(body));
}

}  // namespace luge
