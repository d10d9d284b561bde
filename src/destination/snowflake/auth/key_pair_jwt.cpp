#include "destination/snowflake/auth/key_pair_jwt.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::int64_t kLongestLifetime = 3600;

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// Empty if it is no Base64url.
std::string decode_base64_url(std::string_view text) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  std::size_t padding = 0;
  while (padded.size() % 4 != 0) {
    padded += '=';
    ++padding;
  }
  if (padding > 2) return {};
  std::string out(padded.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(padded.data()),
                                   static_cast<int>(padded.size()));
  if (size < 0) return {};
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace

std::string jwt_account(std::string account) {
  const bool global = account.find(".global") != std::string::npos;
  return upper(account.substr(0, account.find(global ? '-' : '.')));
}

std::string make_key_pair_jwt(const KeyPair& key, const std::string& account, const std::string& user, const std::string& role,
                              std::int64_t issued_at_s, std::int64_t lifetime_s) {
  ENSURE(lifetime_s > 0 && lifetime_s <= kLongestLifetime, "Snowflake takes no JWT that lives longer than an hour");
  const std::string subject = jwt_account(account) + "." + upper(user);
  nlohmann::json payload = {{"iss", subject + "." + key.fingerprint()}, {"sub", subject}, {"iat", issued_at_s}, {"exp", issued_at_s + lifetime_s}};
  if (!role.empty()) payload["scp"] = "session:role:" + role;
  const std::string head = nlohmann::json{{"alg", "RS256"}, {"typ", "JWT"}}.dump();
  const std::string message = base64_url(head) + "." + base64_url(payload.dump());
  return message + "." + base64_url(key.sign(message));
}

std::int64_t jwt_expiry_s(std::string_view token) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return 0;
  const auto second = token.find('.', first + 1);
  const std::string payload = decode_base64_url(token.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  if (!document.is_object()) return 0;
  const auto expiry = document.find("exp");
  return expiry != document.end() && expiry->is_number() ? expiry->get<std::int64_t>() : 0;
}

}  // namespace luge
