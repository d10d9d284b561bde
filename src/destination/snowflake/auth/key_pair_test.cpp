#include "destination/snowflake/auth/key_pair.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "destination/snowflake/auth/key_pair_jwt.h"

namespace luge {
namespace {

class KeyPairTest : public testing::Test {
 protected:
  KeyPairTest() {
    std::string made = (std::filesystem::temp_directory_path() / "luge-key-XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
  }
  ~KeyPairTest() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  /// What the openssl program says, the independent witness.
  std::string openssl(const std::string& command) {
    const std::string out = directory_ + "/out";
    EXPECT_EQ(std::system(("cd " + directory_ + " && (" + command + ") > out 2> err").c_str()), 0) << command;
    std::ifstream file(out, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  std::string directory_;
};

KeyPair generated() {
  auto key = KeyPair::generate();
  EXPECT_TRUE(key);
  return std::move(*key);
}

TEST_F(KeyPairTest, fingerprint_and_public_key_are_what_openssl_says) {
  const KeyPair key = generated();
  write("k.p8", key.private_pem(""));
  EXPECT_EQ(key.fingerprint(), "SHA256:" + openssl("openssl rsa -in k.p8 -pubout -outform DER | openssl dgst -sha256 -binary | openssl base64"));
  EXPECT_EQ(key.public_key(), openssl("openssl rsa -in k.p8 -pubout -outform DER | openssl base64 -A"));
}

TEST_F(KeyPairTest, reads_keys_that_openssl_made) {
  openssl(
      "openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out plain.p8; openssl pkcs8 -topk8 -v2 aes-256-cbc -in plain.p8 -out secret.p8 -passout "
      "pass:hushhush;"
      "openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in plain.p8 -out old.p8 -passout pass:hushhush; openssl rsa -in plain.p8 -traditional -out pkcs1.pem; "
      "chmod 600 *");
  const auto plain = KeyPair::load(directory_ + "/plain.p8", "");
  ASSERT_TRUE(plain) << plain.error().message();
  for (const char* name : {"secret.p8", "old.p8", "pkcs1.pem"}) {
    const auto key = KeyPair::load(directory_ + "/" + name, "hushhush");
    ASSERT_TRUE(key) << name << ": " << key.error().message();
    EXPECT_EQ(key->fingerprint(), plain->fingerprint()) << name;
  }
  for (const char* wrong : {"", "another"}) {
    const auto closed = KeyPair::load(directory_ + "/secret.p8", wrong);
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, "key_passphrase");
    EXPECT_EQ(closed.error().message().find("another"), std::string::npos);
  }
}

TEST_F(KeyPairTest, writes_keys_that_openssl_reads) {
  const KeyPair key = generated();
  write("secret.p8", key.private_pem("hushhush"));
  EXPECT_EQ(openssl("openssl rsa -in secret.p8 -passin pass:hushhush -pubout -outform DER | openssl base64 -A"), key.public_key());
  EXPECT_NE(key.private_pem("x").find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
}

TEST_F(KeyPairTest, refuses_what_is_no_key_or_open_to_others) {
  const auto code = [](const Result<KeyPair>& key) { return key ? std::string("none") : key.error().code; };
  EXPECT_EQ(code(KeyPair::load(directory_ + "/absent", "")), "key_file");
  EXPECT_EQ(code(KeyPair::load(write("text", "no key at all"), "")), "key_file");
  EXPECT_EQ(code(KeyPair::load(write("open.p8", generated().private_pem(""), 0640), "")), "key_file_readable");
  openssl("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem; openssl genrsa -out short.pem 1024; chmod 600 *");
  EXPECT_EQ(code(KeyPair::load(directory_ + "/ec.pem", "")), "key_file");
  EXPECT_EQ(code(KeyPair::load(directory_ + "/short.pem", "")), "key_file");
}

TEST_F(KeyPairTest, signatures_verify) {
  const KeyPair key = generated();
  const std::string signature = key.sign("message");
  EXPECT_TRUE(key.verifies("message", signature));
  EXPECT_FALSE(key.verifies("massage", signature));
  EXPECT_FALSE(generated().verifies("message", signature));
}

TEST(KeyPairJwt, says_who_signs_and_for_how_long) {
  const KeyPair key = generated();
  const std::string token = make_key_pair_jwt(key, "xy123.eu-west-1", "etl", "LOADER", 1'764'000'000, 3540);
  const auto first = token.find('.');
  const auto second = token.find('.', first + 1);
  ASSERT_NE(second, std::string::npos);
  EXPECT_EQ(jwt_expiry_s(token), 1'764'003'540);
  EXPECT_EQ(token.substr(0, first), base64_url(R"({"alg":"RS256","typ":"JWT"})"));
  const nlohmann::json payload = {{"iss", "XY123.ETL." + key.fingerprint()},
                                  {"sub", "XY123.ETL"},
                                  {"iat", 1'764'000'000},
                                  {"exp", 1'764'003'540},
                                  {"scp", "session:role:LOADER"}};
  EXPECT_EQ(token.substr(first + 1, second - first - 1), base64_url(payload.dump()));
  EXPECT_EQ(token.substr(second + 1), base64_url(key.sign(token.substr(0, second))));
}

TEST(KeyPairJwt, accounts_are_normalised) {
  EXPECT_EQ(jwt_account("myorg-myacct"), "MYORG-MYACCT");
  EXPECT_EQ(jwt_account("xy123.us-east-1.aws"), "XY123");
  EXPECT_EQ(jwt_account("xy123-abc.global"), "XY123");
}

TEST(KeyPairJwt, an_expiry_is_read_from_anything_or_is_0) {
  EXPECT_EQ(jwt_expiry_s(""), 0);
  EXPECT_EQ(jwt_expiry_s("a.b.c"), 0);
  EXPECT_EQ(jwt_expiry_s("a.!!!.c"), 0);
  EXPECT_EQ(jwt_expiry_s("a." + base64_url("[1]") + ".c"), 0);
  EXPECT_EQ(jwt_expiry_s("a." + base64_url(R"({"exp": "soon"})")), 0);
  EXPECT_EQ(jwt_expiry_s("a." + base64_url(R"({"exp": 17})")), 17);
}

}  // namespace
}  // namespace luge
