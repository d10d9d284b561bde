#include "service/catalog/secret_text.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "postgres/connection_options.h"
#include "service/catalog/secret_rotation.h"
#include "state/redis/redis_address.h"

namespace luge {
namespace {

std::string code(const Status& status) { return status ? "" : status.error().code; }

std::optional<std::string> environment(const std::string& name) {
  if (name == "PW") return "p@ss/word '\\#";
  if (name == "HOST") return "db.example";
  return std::nullopt;
}

SecretResolver resolver(const std::string& keys = "") {
  auto keyring = CatalogKeyring::parse(keys, "test");
  EXPECT_TRUE(keyring);
  return {*keyring, environment};
}

TEST(SecretText, FormsAreToldApart) {
  EXPECT_EQ(secret_form(""), SecretForm::none);
  EXPECT_EQ(secret_form("${PW}"), SecretForm::environment);
  EXPECT_EQ(secret_form("${A}${B}"), SecretForm::environment);
  EXPECT_EQ(secret_form("file:/run/secrets/pw"), SecretForm::file);
  EXPECT_EQ(secret_form("enc:v1:k1:AAAA"), SecretForm::encrypted);
  for (const char* plain : {"hunter2", "${PW}hunter2", "$PW", "${}", "${P W}", "${1A}", "file:", "enc:", "enc:v1::x", "${PW"})
    EXPECT_EQ(secret_form(plain), SecretForm::plain) << plain;
}

TEST(SecretText, OptionsThatHoldSecretsAreKnownByName) {
  for (const char* name : {"password", "pat", "oauth_token", "private_key_passphrase", "client_secret", "oauth_client_secret", "oauth_refresh_token",
                           "private_key", "token"})
    EXPECT_TRUE(is_secret_option(name)) << name;
  for (const char* name : {"private_key_file", "tables", "path", "token_file", "user", "database", "patterns", "batch_max_size", "oauth_client_id",
                           "oauth_token_endpoint", "oauth_scope"})
    EXPECT_FALSE(is_secret_option(name)) << name;
}

TEST(SecretText, PlainPasswordsOfSourcesAreRefused) {
  for (const char* good : {"postgres://app@db/shop", "postgres://app:${PW}@db/shop", "host=db password=file:/run/pw", "service=shop", "${SHOP_URL}",
                           "file:/run/secrets/url", "enc:v1:k1:AAAA", "host=db password=enc:v1:k1:AAAA="})
    EXPECT_EQ(code(refuse_plain_conninfo(good)), "") << good;
  for (const char* plain : {"postgres://app:hunter2@db/shop", "host=db password=hunter2", "postgres://db/shop?password=hunter2",
                            "host=db sslpassword=hunter2", "postgres://app:x${PW}@db/shop"})
    EXPECT_EQ(code(refuse_plain_conninfo(plain)), "plain_secret") << plain;
  EXPECT_EQ(code(refuse_plain_conninfo("hunter2")), "bad_conninfo");
}

TEST(SecretText, PlainPasswordsInAddressesAreRefusedToo) {
  EXPECT_EQ(code(refuse_plain_options({{"state", "redis://:hunter2@cache:6379/0"}})), "plain_secret");
  EXPECT_EQ(code(refuse_plain_options({{"state", "redis://luge:hunter2@cache"}})), "plain_secret");
  EXPECT_EQ(code(refuse_plain_options({{"state", "redis://luge:${PW}@cache"}})), "");
  EXPECT_EQ(code(refuse_plain_options({{"state", "redis://cache:6379"}, {"snapshot", "/a/b@c:d"}, {"pat", "${PAT}"}})), "");
}

TEST(SecretText, ASecretNeedsNoEscapingInAUrl) {
  const auto resolved = resolver().resolve_conninfo("postgres://app:${PW}@${HOST}/shop?sslmode=require", "here");
  ASSERT_TRUE(resolved) << resolved.error().message();
  const auto options = ConnectionOptions::parse(*resolved, "test", [](const char*) { return std::nullopt; });
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->get("password"), "p@ss/word '\\#");
  EXPECT_EQ(options->get("host"), "db.example");
  EXPECT_EQ(options->get("user"), "app");
  EXPECT_EQ(options->get("sslmode"), "require");
}

TEST(SecretText, AnUnsetVariableIsNamed) {
  const auto refused = resolver().resolve_conninfo("host=db password=${MISSING}", "source/shop/conninfo");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "secret_unset");
  EXPECT_NE(refused.error().what.find("MISSING"), std::string::npos);
}

TEST(SecretText, WhatIsNoReferenceStaysAsItIs) {
  EXPECT_EQ(*resolver().expand("a $${PW} ${not a name} $5 ${HOST}", "here"), "a ${PW} ${not a name} $5 db.example");
}

TEST(SecretText, FilesAreReadWhenOnlyTheirOwnerMay) {
  std::string directory = (std::filesystem::temp_directory_path() / "luge-secret-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/pw";
  std::ofstream(path) << "hunter2\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::group_read);
  EXPECT_EQ(resolver().resolve("file:" + path, "here").error().code, "secret_file");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(*resolver().resolve("file:" + path, "here"), "hunter2");
  std::ofstream(path) << std::string(100'000, 'x');
  EXPECT_EQ(resolver().resolve("file:" + path, "here").error().code, "secret_file");
  EXPECT_EQ(resolver().resolve("file:" + directory, "here").error().code, "secret_file");
  EXPECT_EQ(resolver().resolve("file:" + directory + "/none", "here").error().code, "secret_file");
  std::filesystem::remove_all(directory);
}

TEST(SecretText, PeopleSeeReferencesAndNeverSecrets) {
  EXPECT_EQ(shown_secret("${PW}"), "${PW}");
  EXPECT_EQ(shown_secret("enc:v1:k1:AAAA"), "(encrypted with key k1)");
  EXPECT_EQ(shown_secret("hunter2"), "(hidden)");
  EXPECT_EQ(shown_conninfo("postgres://app:hunter2@db/shop").find("hunter2"), std::string::npos);
  EXPECT_NE(shown_conninfo("postgres://app:${PW}@db/shop").find("${PW}"), std::string::npos);
  EXPECT_EQ(shown_conninfo("hunter2"), "(not a connection)");
}

// The password of a Redis is in its address; an address without one is no secret.
TEST(SecretText, TheAddressOfAStateMayHoldAPassword) {
  EXPECT_TRUE(is_plain_secret("state", "redis://luge:hunter2@cache/1"));
  for (const char* harmless :
       {"sqlite:/var/lib/luge/state.db", "redis://cache/1", "redis://luge:${PW}@cache", "${STATE}", "file:/run/state", "enc:v1:k1:AAAA"})
    EXPECT_FALSE(is_plain_secret("state", harmless)) << harmless;
  EXPECT_EQ(shown_option("state", "redis://luge:hunter2@cache/1"), "(hidden)");
  EXPECT_EQ(shown_option("state", "enc:v1:k1:AAAA"), "(encrypted with key k1)");
  EXPECT_EQ(shown_option("state", "sqlite:/var/lib/luge/state.db"), "sqlite:/var/lib/luge/state.db");

  const std::string keys = CatalogKeyring::make_key("k1");
  const std::string directory = (std::filesystem::temp_directory_path() / ("luge-state-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/state") << "redis://luge:from_file@cache\n";
  std::filesystem::permissions(directory + "/state", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string encrypted =
      *CatalogKeyring::parse(keys, "test")->encrypt("redis://luge:hunter2@cache", option_context(RowKind::pipeline, "shop", "state"));
  for (const auto& [written, wanted] :
       std::vector<std::pair<std::string, std::string>>{{"file:" + directory + "/state", "redis://luge:from_file@cache"},
                                                        {encrypted, "redis://luge:hunter2@cache"},
                                                        {"redis://${HOST}/1", "redis://db.example/1"},
                                                        {"sqlite:/state.db", "sqlite:/state.db"}}) {
    OptionMap options{{"state", written}};
    ASSERT_EQ(code(resolver(keys).resolve_options(options, RowKind::pipeline, "shop")), "") << written;
    EXPECT_EQ(options.at("state"), wanted);
  }
  std::filesystem::remove_all(directory);
}

// Otherwise a password that works stands in the catalog, and in every list, as it is.
TEST(SecretText, WhatRedisTakesForAPasswordIsOneHereToo) {
  for (const char* address : {"redis://luge:ab/cd@cache/1", "redis://luge:ab#cd@cache", "rediss://luge:ab?cd@cache", "redis://:ab@cd@cache",
                              "redis+sentinel://luge:a/b@one,two/main", "redis://luge:${PW}/cd@cache", "redis://luge:ab%2Fcd@cache"}) {
    const auto read = RedisAddress::parse(address);
    ASSERT_TRUE(read) << address;
    EXPECT_NE(read->password, "") << address;
    EXPECT_TRUE(is_plain_secret("state", address)) << address;
    EXPECT_EQ(shown_option("state", address), "(hidden)");
  }
  for (const char* harmless :
       {"https://acme.example/a:b@c", "https://acme.example?mail=a:b@c", "https://acme.example:8443/#a:b@c", "http://app@acme.example/x:y@z"})
    EXPECT_FALSE(is_plain_secret("url", harmless)) << harmless;
}

TEST(SecretText, RotationEncryptsEverythingAgainWithTheCurrentKey) {
  const std::string old_line = CatalogKeyring::make_key("k1");
  const std::string new_line = CatalogKeyring::make_key("k2");
  const CatalogKeyring before = *CatalogKeyring::parse(old_line, "test");
  const CatalogKeyring during = *CatalogKeyring::parse(new_line + "\n" + old_line, "test");
  CatalogContents contents;
  contents.sources["whole"] = {"whole", *before.encrypt("host=db password=hunter2", conninfo_context("whole")), "{}", 1};
  contents.sources["part"] = {"part", "host=db password=" + *before.encrypt("hunter2", conninfo_context("part")), "{}", 1};
  contents.sources["reference"] = {"reference", "host=db password=${PW}", "{}", 1};
  const std::string token = *before.encrypt("hunter2", option_context(RowKind::destination, "flake", "pat"));
  contents.destinations["flake"] = {"flake", "snowflake:", write_options({{"pat", token}, {"user", "LUGE"}}), 1};

  const auto rotation = rotate_secrets(contents, during);
  ASSERT_TRUE(rotation) << rotation.error().message();
  ASSERT_EQ(rotation->edits.size(), 3U);
  EXPECT_EQ(rotation->secrets, 3U);
  const SecretResolver after(*CatalogKeyring::parse(new_line, "test"), environment);
  for (const CatalogEdit& edit : rotation->edits) {
    EXPECT_EQ(code(refuse_plain_secrets(edit)), "");
    if (const auto* source = std::get_if<SourceRow>(&edit)) {
      const auto resolved = after.resolve_conninfo(source->conninfo, conninfo_context(source->name));
      ASSERT_TRUE(resolved) << resolved.error().message();
      EXPECT_NE(resolved->find("hunter2"), std::string::npos);
    } else {
      OptionMap options = *parse_options(std::get<DestinationRow>(edit).options);
      ASSERT_EQ(code(after.resolve_options(options, RowKind::destination, "flake")), "");
      EXPECT_EQ(options.at("pat"), "hunter2");
      EXPECT_EQ(options.at("user"), "LUGE");
    }
  }
  const Error lost = rotate_secrets(contents, *CatalogKeyring::parse(new_line, "test")).error();
  EXPECT_EQ(lost.code, "unknown_key");
  EXPECT_NE(lost.what.find("source/part"), std::string::npos) << "it says which row: " << lost.what;
}

}  // namespace
}  // namespace luge
