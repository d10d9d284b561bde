#include "service/catalog/catalog_keyring.h"

#include <algorithm>
#include <array>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/ensure.h"
#include "service/catalog/secret_file.h"

namespace luge {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::string_view kPrefix = "enc:v1:";
constexpr std::size_t kLongestId = 32;

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string encode_base64(std::string_view raw) {
  std::string out((raw.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
  const int size = EVP_EncodeBlock(bytes(out), bytes(raw), static_cast<int>(raw.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

/// nullopt: not Base64.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > (1U << 20)) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(bytes(out), bytes(text), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

Cipher new_cipher() {
  Cipher cipher(EVP_CIPHER_CTX_new());
  ENSURE(cipher != nullptr, "memory for a cipher");
  return cipher;
}

Error damaged() {
  return fatal("damaged_secret", "an encrypted secret does not open: it was changed, moved from another row or field, or its key is another one",
               "write the secret again: luge source edit, luge destination edit");
}

}  // namespace

struct CatalogKeyring::Key {
  std::string id;
  std::array<unsigned char, kKeyBytes> key{};
  Key() = default;
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key() { OPENSSL_cleanse(key.data(), key.size()); }
};

struct CatalogKeyring::Keys {
  std::vector<Key> all;
  const Key* find(std::string_view id) const {
    for (const Key& key : all) {
      if (key.id == id) return &key;
    }
    return nullptr;
  }
};

Result<CatalogKeyring> CatalogKeyring::parse(std::string_view text, std::string_view where) {
  const auto refuse = [&](std::string_view why) {
    return fatal("bad_key", std::string(where) + ": " + std::string(why),
                 "one line each: ID:KEY, KEY 32 random bytes as Base64 (openssl rand -base64 32)");
  };
  const auto keys = std::make_shared<Keys>();
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(",\n");
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_key_id(line.substr(0, colon))) return refuse("a line does not begin with a key's id");
    Key key;
    key.id = line.substr(0, colon);
    auto raw = decode_base64(trimmed(line.substr(colon + 1)));
    if (!raw || raw->size() != kKeyBytes) return refuse("the key " + key.id + " is not 32 bytes as Base64");
    std::copy(raw->begin(), raw->end(), key.key.begin());
    OPENSSL_cleanse(raw->data(), raw->size());
    if (keys->find(key.id) != nullptr) return refuse("the key " + key.id + " is there twice");
    keys->all.push_back(key);
  }
  CatalogKeyring keyring;
  if (!keys->all.empty()) keyring.keys_ = keys;
  return keyring;
}

Result<CatalogKeyring> CatalogKeyring::load(const Environment& environment) {
  if (const auto text = environment("LUGE_CATALOG_KEYS")) return parse(*text, "LUGE_CATALOG_KEYS");
  const auto path = environment("LUGE_CATALOG_KEYS_FILE");
  if (!path) return CatalogKeyring();
  TRY(const std::string text, read_secret_file(*path, "LUGE_CATALOG_KEYS_FILE"));
  return parse(text, *path);
}

std::string CatalogKeyring::make_key(std::string_view id) {
  ENSURE(is_key_id(id), "an id for a key");
  std::string raw(kKeyBytes, '\0');
  ENSURE(RAND_bytes(bytes(raw), static_cast<int>(raw.size())) == 1, "OpenSSL has random bytes");
  std::string line = std::string(id) + ":" + encode_base64(raw);
  OPENSSL_cleanse(raw.data(), raw.size());
  return line;
}

std::string_view CatalogKeyring::current_id() const { return keys_ ? std::string_view(keys_->all.front().id) : std::string_view{}; }

std::string_view CatalogKeyring::key_id(std::string_view text) {
  if (!text.starts_with(kPrefix)) return {};
  text.remove_prefix(kPrefix.size());
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_key_id(text.substr(0, colon))) return {};
  return text.substr(0, colon);
}

std::string_view CatalogKeyring::other_key_in(std::string_view text) const {
  while (true) {
    const std::size_t at = text.find(kPrefix);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at);
    const std::string_view id = key_id(text);
    if (!id.empty() && id != current_id()) return id;
    text.remove_prefix(kPrefix.size());
  }
}

Result<std::string> CatalogKeyring::encrypt(std::string_view secret, std::string_view context) const {
  if (!keys_) {
    return fatal("no_key", "there is no key to encrypt secrets with",
                 "set LUGE_CATALOG_KEYS_FILE, or write the secret as a reference: ${VARIABLE}, file:PATH");
  }
  const Key& key = keys_->all.front();
  std::string sealed(kNonceBytes + secret.size() + kTagBytes, '\0');
  unsigned char* const nonce = bytes(sealed);
  unsigned char* const body = nonce + kNonceBytes;
  ENSURE(RAND_bytes(nonce, kNonceBytes) == 1, "OpenSSL has random bytes");
  const Cipher cipher = new_cipher();
  int size = 0;
  int rest = 0;
  const bool done = EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.key.data(), nonce) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes(context), static_cast<int>(context.size())) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), body, &size, bytes(secret), static_cast<int>(secret.size())) == 1 &&
                    EVP_EncryptFinal_ex(cipher.get(), body + size, &rest) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + secret.size()) == 1;
  ENSURE(done && static_cast<std::size_t>(size + rest) == secret.size(), "OpenSSL encrypts with AES-256-GCM");
  return std::string(kPrefix) + key.id + ":" + encode_base64(sealed);
}

Result<std::string> CatalogKeyring::decrypt(std::string_view text, std::string_view context) const {
  const std::string_view id = key_id(text);
  if (id.empty()) return damaged();
  const Key* const key = keys_ ? keys_->find(id) : nullptr;
  if (key == nullptr) {
    return fatal("unknown_key", "a secret is encrypted with the key " + std::string(id) + ", which this process does not have",
                 "add its line to LUGE_CATALOG_KEYS_FILE or LUGE_CATALOG_KEYS");
  }
  auto sealed = decode_base64(text.substr(kPrefix.size() + id.size() + 1));
  if (!sealed || sealed->size() < kNonceBytes + kTagBytes) return damaged();
  const std::size_t length = sealed->size() - kNonceBytes - kTagBytes;
  unsigned char* const nonce = bytes(*sealed);
  unsigned char* const body = nonce + kNonceBytes;
  std::string secret(length + 1, '\0');  // never empty, so that there is an address to write to
  const Cipher cipher = new_cipher();
  int size = 0;
  int rest = 0;
  const bool opened = EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key->key.data(), nonce) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes(context), static_cast<int>(context.size())) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), bytes(secret), &size, body, static_cast<int>(length)) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, body + length) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), bytes(secret) + size, &rest) == 1;
  if (!opened) {
    OPENSSL_cleanse(secret.data(), secret.size());
    return damaged();
  }
  secret.resize(length);
  return secret;
}

}  // namespace luge
