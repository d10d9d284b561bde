#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;  // openssl/evp.h

namespace luge {

/// An RSA key pair that signs for a Snowflake user. The private key never leaves it, except through private_pem().
class KeyPair {
 public:
  /// Reads a PEM file: PKCS#8, plain or encrypted, or PKCS#1. Error codes: "key_file" (missing, no key, not RSA of 2048 bits or more),
  /// "key_file_readable" (others than its owner may read it), "key_passphrase" (missing or wrong).
  static Result<KeyPair> load(const std::string& path, std::string_view passphrase);
  /// From PEM text; `name` is for messages.
  static Result<KeyPair> parse(std::string_view pem, std::string_view passphrase, const std::string& name);
  /// A new one of 2048 bits.
  static Result<KeyPair> generate();

  /// "SHA256:" + Base64 of the SHA-256 of the public key as SubjectPublicKeyInfo in DER: what DESC USER shows as RSA_PUBLIC_KEY_FP.
  std::string fingerprint() const;
  /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), raw bytes.
  std::string sign(std::string_view message) const;
  bool verifies(std::string_view message, std::string_view signature) const;

  /// PKCS#8 PEM, encrypted (AES-256-CBC) if there is a passphrase.
  std::string private_pem(std::string_view passphrase) const;
  /// Base64 of the DER without PEM's header lines and line breaks: what ALTER USER … SET RSA_PUBLIC_KEY takes.
  std::string public_key() const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit KeyPair(evp_pkey_st* key) : key_(key) {}
  std::string public_der() const;

  std::unique_ptr<evp_pkey_st, Free> key_;
};

std::string base64(std::string_view bytes);
/// Base64url without padding (RFC 7515).
std::string base64_url(std::string_view bytes);

}  // namespace luge
