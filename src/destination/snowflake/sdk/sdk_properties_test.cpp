#include "destination/snowflake/sdk/sdk_properties.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "destination/snowflake/auth/key_pair.h"

namespace luge {
namespace {

SnowflakeOptions with_pat() {
  SnowflakeOptions options;
  options.url = "https://org-acct.snowflakecomputing.com";
  options.account = "ORG-ACCT";
  options.user = "LUGE";
  options.pat = "secret-token";
  return options;
}

TEST(SdkProperties, a_token_and_rows_mode) {
  const auto properties = sdk_properties(with_pat());
  ASSERT_TRUE(properties) << properties.error().message();
  EXPECT_EQ(properties->at("scheme"), "https");
  EXPECT_EQ(properties->at("host"), "org-acct.snowflakecomputing.com");
  EXPECT_EQ(properties->at("port"), "443");
  EXPECT_EQ(properties->at("authorization_type"), "PAT");
  EXPECT_EQ(properties->at("personal_access_token"), "secret-token");
  EXPECT_EQ(properties->count("private_key"), 0U) << "the SDK refuses both";
  EXPECT_EQ(properties->count("role"), 0U);
  // What may wait must fit the inline mode, and a closed request with one append more must, too: else the SDK uploads files.
  EXPECT_GT(std::stoi(properties->at("max_buffered_kb_for_rowset_mode")), 1024 * std::stoi(properties->at("max_inflight_megabytes_per_channel")));
  EXPECT_GT(std::stoi(properties->at("max_rowset_payload_size_mb")), std::stoi(properties->at("target_rowset_payload_size_mb")));
}

TEST(SdkProperties, an_encrypted_key_is_opened_here) {
  char directory[] = "/tmp/luge_sdk_properties_XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string file = std::string(directory) + "/key.p8";
  const auto key = KeyPair::generate();
  ASSERT_TRUE(key);
  std::ofstream(file) << key->private_pem("passphrase");
  ::chmod(file.c_str(), 0600);
  SnowflakeOptions options = with_pat();
  options.url = "https://localhost:8443/";
  options.role = "LUGE_ROLE";
  options.private_key_file = file;
  options.private_key_passphrase = "passphrase";
  const auto properties = sdk_properties(options);
  ASSERT_TRUE(properties) << properties.error().message();
  EXPECT_TRUE(properties->at("private_key").starts_with("-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ(properties->at("port"), "8443");
  EXPECT_EQ(properties->at("role"), "LUGE_ROLE");
  EXPECT_EQ(properties->count("authorization_type"), 0U);
  options.private_key_passphrase = "wrong";
  EXPECT_EQ(sdk_properties(options).error().code, "key_passphrase");
  ::unlink(file.c_str());
  ::rmdir(directory);
}

TEST(SdkProperties, an_oauth_client_fetches_its_own_tokens) {
  SnowflakeOptions options = with_pat();
  options.pat.clear();
  options.role = "LUGE_ROLE";
  options.oauth_client_id = "id";
  options.oauth_client_secret = "secret";
  options.oauth_refresh_token = "refresh";
  const auto refresh = sdk_properties(options);
  ASSERT_TRUE(refresh) << refresh.error().message();
  EXPECT_EQ(refresh->at("authorization_type"), "OAUTH");
  EXPECT_EQ(refresh->at("oauth_client_id"), "id");
  EXPECT_EQ(refresh->at("oauth_client_secret"), "secret");
  EXPECT_EQ(refresh->at("oauth_refresh_token"), "refresh");
  EXPECT_EQ(refresh->at("oauth_token_endpoint"), "https://org-acct.snowflakecomputing.com/oauth/token-request");
  EXPECT_EQ(refresh->at("oauth_include_scope"), "true");
  EXPECT_EQ(refresh->at("oauth_scope"), "session:role:LUGE_ROLE");
  options.role.clear();
  options.oauth_refresh_token.clear();
  options.oauth_token_endpoint = "https://idp.example/token";
  const auto client = sdk_properties(options);
  ASSERT_TRUE(client) << client.error().message();
  EXPECT_EQ(client->at("oauth_token_endpoint"), "https://idp.example/token");
  EXPECT_EQ(client->count("oauth_refresh_token"), 0U);
  EXPECT_EQ(client->at("oauth_include_scope"), "false");
  EXPECT_EQ(client->count("oauth_scope"), 0U) << "the SDK refuses an empty one";
}

TEST(SdkProperties, what_the_sdk_cannot_do) {
  SnowflakeOptions options = with_pat();
  options.url = "http://localhost:8085";
  EXPECT_EQ(sdk_properties(options).error().code, "bad_url");
  options.url = "https://:8085";
  EXPECT_EQ(sdk_properties(options).error().code, "bad_url");
  options = with_pat();
  options.pat.clear();
  EXPECT_EQ(sdk_properties(options).error().code, "auth");
  options.oauth_token = "secret-token";
  const auto refused = sdk_properties(options);
  EXPECT_EQ(refused.error().code, "auth");
  EXPECT_EQ(refused.error().message().find("secret-token"), std::string::npos);
  EXPECT_NE(refused.error().message().find("oauth_client_id"), std::string::npos);
  EXPECT_NE(refused.error().message().find("transport: rest"), std::string::npos);
}

}  // namespace
}  // namespace luge
