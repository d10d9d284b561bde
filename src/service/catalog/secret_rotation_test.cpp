#include "service/catalog/secret_rotation.h"

#include <gtest/gtest.h>

#include "service/catalog/catalog_options.h"
#include "service/catalog/secret_text.h"

namespace luge {
namespace {

/// A catalog whose only secret is encrypted with the key k1, and keys of which k2 is the current one.
class SecretRotationTest : public testing::Test {
 protected:
  SecretRotationTest() {
    contents_.sources["shop"] = {"shop", "host=db password=" + secret(), "{}", 1};
    contents_.destinations["lake"] = {"lake", "duckdb:/lake.duckdb", "{}", 1};
    PipelineRow row;
    row.name = "orders";
    row.source = "shop";
    row.destination = "lake";
    contents_.pipelines["orders"] = row;
  }

  std::string secret() const { return *old_.encrypt("hunter2", conninfo_context("shop")); }
  Result<SecretRotation> rotate() const { return rotate_secrets(contents_, keys_); }

  const std::string old_line_ = CatalogKeyring::make_key("k1");
  const CatalogKeyring old_ = *CatalogKeyring::parse(old_line_, "test");
  const CatalogKeyring keys_ = *CatalogKeyring::parse(CatalogKeyring::make_key("k2") + "\n" + old_line_, "test");
  CatalogContents contents_;
};

// Whoever takes the old key away after it could not open them any more.
TEST_F(SecretRotationTest, SecretsInWhatCannotBeReadStopIt) {
  ASSERT_TRUE(rotate());
  contents_.sources["torn"] = {"torn", "host=db password=" + secret() + " oops", "{}", 1};
  contents_.destinations["nested"] = {"nested", "snowflake:", R"({"more": {"pat": ")" + secret() + R"("}})", 1};
  contents_.pipelines["orders"].options = R"({"state": ")" + secret();
  const auto rotation = rotate();
  ASSERT_FALSE(rotation);
  EXPECT_EQ(rotation.error().code, "unreadable_secret");
  EXPECT_EQ(rotation.error().exit_code, ExitCode::failed);
  for (const char* where : {"source 'torn' (conninfo, key k1)", "destination 'nested' (options, key k1)", "pipeline 'orders' (options, key k1)"})
    EXPECT_NE(rotation.error().what.find(where), std::string::npos) << rotation.error().what;
  EXPECT_EQ(rotation.error().what.find("'shop'"), std::string::npos) << "that one can be read: " << rotation.error().what;
  EXPECT_EQ(rotation.error().message().find("enc:"), std::string::npos) << rotation.error().message();
}

TEST_F(SecretRotationTest, WhatHoldsNoSecretOfAnotherKeyNeedNotBeReadable) {
  contents_.sources["torn"] = {"torn", "oops", "{", 1};
  contents_.sources["new"] = {"new", "host=db password=" + *keys_.encrypt("hunter2", conninfo_context("new")) + " oops", "{}", 1};
  contents_.pipelines["orders"].options = "enc:";
  const auto rotation = rotate();
  ASSERT_TRUE(rotation) << rotation.error().message();
  EXPECT_EQ(rotation->edits.size(), 1U);
}

// The catalog reads such a text cut: nobody knows what is in the rest.
TEST_F(SecretRotationTest, TheEndOfALongTextMayHoldASecret) {
  contents_.pipelines["orders"].options = "{" + std::string(kLongestCatalogText, ' ');
  const auto rotation = rotate();
  ASSERT_FALSE(rotation);
  EXPECT_NE(rotation.error().what.find("pipeline 'orders' (options, longer than 64 KiB)"), std::string::npos) << rotation.error().what;
}

TEST_F(SecretRotationTest, ManyRowsAreNotAllNamed) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "torn_" + std::to_string(i);
    contents_.sources[name] = {name, "oops enc:v1:k1:AAAA", "{}", 1};
  }
  const auto rotation = rotate();
  ASSERT_FALSE(rotation);
  EXPECT_LT(rotation.error().what.size(), 1000U);
}

TEST_F(SecretRotationTest, ARowThatCannotBeWrittenIsNamed) {
  contents_.sources["shop"].options = "{";
  const auto rotation = rotate();
  ASSERT_FALSE(rotation);
  EXPECT_EQ(rotation.error().code, "bad_options");
  EXPECT_NE(rotation.error().what.find("source 'shop'"), std::string::npos) << rotation.error().what;
}

}  // namespace
}  // namespace luge
