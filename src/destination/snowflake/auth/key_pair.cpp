#include "destination/snowflake/auth/key_pair.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sstream>
#include <sys/stat.h>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr int kLeastBits = 2048;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

struct Passphrase {
  std::string_view text;
  bool asked = false;
};

int give_passphrase(char* buffer, int size, int /*writing*/, void* context) {
  auto& passphrase = *static_cast<Passphrase*>(context);
  passphrase.asked = true;
  if (passphrase.text.empty() || passphrase.text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, passphrase.text.data(), passphrase.text.size());
  return static_cast<int>(passphrase.text.size());
}

std::string bytes_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

const unsigned char* unsigned_bytes(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

void KeyPair::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

Result<KeyPair> KeyPair::load(const std::string& path, std::string_view passphrase) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return fatal("key_file", "the private key file " + path + " cannot be read: " + std::strerror(errno),
                 "luge snowflake init makes a key pair; private_key_file: names it");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fatal("key_file_readable", "the private key file " + path + " may be read by others", "chmod 600 " + path);
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return fatal("key_file", "the private key file " + path + " cannot be read", "check its rights");
  return parse(text.str(), passphrase, path);
}

Result<KeyPair> KeyPair::parse(std::string_view pem, std::string_view passphrase, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  ENSURE(bio != nullptr, "out of memory");
  Passphrase given{passphrase};
  ERR_clear_error();
  KeyPair pair(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &given));
  if (pair.key_ == nullptr) {
    ERR_clear_error();
    if (given.asked) {
      return fatal("key_passphrase",
                   passphrase.empty() ? "the private key " + name + " is encrypted" : "the passphrase does not open the private key " + name,
                   "give the right one with private_key_passphrase: ${VARIABLE}");
    }
    return fatal("key_file", name + " holds no private key that luge can read", "it must be a PEM file (PKCS#8, RSA): -----BEGIN PRIVATE KEY-----");
  }
  if (EVP_PKEY_get_base_id(pair.key_.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(pair.key_.get()) < kLeastBits)
    return fatal("key_file", "the private key " + name + " is not an RSA key of at least 2048 bits", "luge snowflake init makes one");
  return pair;
}

Result<KeyPair> KeyPair::generate() {
  KeyPair pair(EVP_RSA_gen(kLeastBits));
  if (pair.key_ == nullptr) return fatal("key_generation", "OpenSSL makes no RSA key");
  return pair;
}

std::string KeyPair::public_der() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  ENSURE(size > 0, "a public key without encoding");
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

std::string KeyPair::public_key() const { return base64(public_der()); }

std::string KeyPair::fingerprint() const {
  const std::string der = public_der();
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ENSURE(EVP_Digest(der.data(), der.size(), digest, &size, EVP_sha256(), nullptr) == 1, "no SHA-256");
  return "SHA256:" + base64({reinterpret_cast<const char*>(digest), size});
}

std::string KeyPair::sign(std::string_view message) const {
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  ENSURE(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
             EVP_DigestSign(context.get(), nullptr, &size, unsigned_bytes(message), message.size()) == 1,
         "OpenSSL does not sign");
  std::string signature(size, '\0');
  ENSURE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, unsigned_bytes(message), message.size()) == 1,
         "OpenSSL does not sign");
  signature.resize(size);
  return signature;
}

bool KeyPair::verifies(std::string_view message, std::string_view signature) const {
  const DigestContext context(EVP_MD_CTX_new());
  return context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(), unsigned_bytes(message), message.size()) == 1;
}

std::string KeyPair::private_pem(std::string_view passphrase) const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  ENSURE(bio != nullptr, "out of memory");
  const EVP_CIPHER* cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
  ENSURE(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), cipher, passphrase.data(), static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
         "a private key without encoding");
  return bytes_of(bio.get());
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), unsigned_bytes(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string base64_url(std::string_view bytes) {
  std::string out = base64(bytes);
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

}  // namespace luge
