#include "service/catalog/catalog_keyring.h"

#include <gtest/gtest.h>
#include <set>

namespace luge {
namespace {

CatalogKeyring keyring(const std::string& lines) {
  auto parsed = CatalogKeyring::parse(lines, "test");
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? *parsed : CatalogKeyring();
}

std::string code(const Result<std::string>& result) { return result ? "" : result.error().code; }

TEST(CatalogKeyring, OpensWhatItSealedAndNothingElse) {
  const CatalogKeyring keys = keyring(CatalogKeyring::make_key("k1"));
  for (const std::string& secret : {std::string("hunter2"), std::string(), std::string("\0å'\"", 5), std::string(60'000, 'x')}) {
    const auto sealed = keys.encrypt(secret, "source/shop/conninfo");
    ASSERT_TRUE(sealed);
    EXPECT_TRUE(CatalogKeyring::is_encrypted(*sealed));
    EXPECT_EQ(CatalogKeyring::key_id(*sealed), "k1");
    EXPECT_EQ(sealed->find("hunter2"), std::string::npos);
    const auto opened = keys.decrypt(*sealed, "source/shop/conninfo");
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(*opened, secret);
    EXPECT_EQ(code(keys.decrypt(*sealed, "source/other/conninfo")), "damaged_secret") << "moved to another row";
  }
}

TEST(CatalogKeyring, TheSameSecretIsNeverSealedTwiceTheSameWay) {
  const CatalogKeyring keys = keyring(CatalogKeyring::make_key("k1"));
  std::set<std::string> sealed;
  for (int i = 0; i < 100; ++i) sealed.insert(*keys.encrypt("hunter2", "here"));
  EXPECT_EQ(sealed.size(), 100U);
}

TEST(CatalogKeyring, EveryChangedCharacterIsNoticed) {
  const CatalogKeyring keys = keyring(CatalogKeyring::make_key("k1"));
  const std::string sealed = *keys.encrypt("hunter2", "here");
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    const auto opened = keys.decrypt(changed, "here");
    EXPECT_FALSE(opened && *opened != "hunter2") << at;
    if (at < sealed.size() - 4) {
      EXPECT_FALSE(opened) << at;  // the last characters before the padding carry bits that mean nothing
    }
  }
  EXPECT_FALSE(keys.decrypt("enc:v1:k1:", "here"));
  EXPECT_FALSE(keys.decrypt("enc:v1:k1:AAAA", "here"));
  EXPECT_FALSE(keys.decrypt("enc:v2:k1:" + sealed.substr(10), "here"));
}

TEST(CatalogKeyring, FindsWhatAnotherKeyEncryptedInsideOfAText) {
  const CatalogKeyring keys = keyring(CatalogKeyring::make_key("k2") + "\n" + CatalogKeyring::make_key("k1"));
  EXPECT_EQ(keys.other_key_in("host=db password=enc:v1:k1:AAAA oops"), "k1");
  EXPECT_EQ(keys.other_key_in("enc:v1:k2:AAAA enc:v1:lost:AAAA"), "lost");
  for (const char* none : {"", "enc:v1:", "enc:v1:k1", "enc:v1:k2:AAAA", "enc:v1:k2:AAAA enc:v1:k2:BBBB", "enc:v1:no id:AAAA", "enc:v2:k1:AAAA"})
    EXPECT_EQ(keys.other_key_in(none), "") << none;
}

TEST(CatalogKeyring, RotatesByTheIdOfTheKey) {
  const std::string old_line = CatalogKeyring::make_key("k1");
  const std::string new_line = CatalogKeyring::make_key("k2");
  const CatalogKeyring before = keyring(old_line);
  const CatalogKeyring during = keyring("# the new one first\n" + new_line + "\n" + old_line + "\n");
  const CatalogKeyring after = keyring(new_line);
  const std::string sealed = *before.encrypt("hunter2", "here");
  EXPECT_EQ(during.current_id(), "k2");
  EXPECT_EQ(*during.decrypt(sealed, "here"), "hunter2");
  EXPECT_EQ(code(after.decrypt(sealed, "here")), "unknown_key");
  EXPECT_EQ(*after.decrypt(*during.encrypt("hunter2", "here"), "here"), "hunter2");
  // The same id with another key opens nothing.
  EXPECT_EQ(code(keyring(CatalogKeyring::make_key("k1")).decrypt(sealed, "here")), "damaged_secret");
}

TEST(CatalogKeyring, WithoutKeysNothingIsSealed) {
  EXPECT_EQ(code(CatalogKeyring().encrypt("hunter2", "here")), "no_key");
  EXPECT_EQ(CatalogKeyring().current_id(), "");
  const auto none = CatalogKeyring::load([](const std::string&) -> std::optional<std::string> { return std::nullopt; });
  ASSERT_TRUE(none);
  EXPECT_EQ(none->current_id(), "");
}

TEST(CatalogKeyring, BadLinesAreRefusedWithoutQuotingThem) {
  const std::string key = CatalogKeyring::make_key("k1").substr(3);
  for (const std::string& line : {key, ":" + key, "k 1:" + key, std::string("k1:c2hvcnQ="), "k1:" + key.substr(1), "k1:" + key + "," + "k1:" + key}) {
    const auto refused = CatalogKeyring::parse(line, "LUGE_CATALOG_KEYS");
    ASSERT_FALSE(refused) << line;
    EXPECT_EQ(refused.error().code, "bad_key");
    EXPECT_EQ(refused.error().message().find(key.substr(1, 20)), std::string::npos);
  }
  EXPECT_TRUE(CatalogKeyring::parse(" k1 :" + key, "x").has_value() == false);
  EXPECT_TRUE(CatalogKeyring::parse("k1: " + key + " ,k2:" + CatalogKeyring::make_key("x").substr(2), "x"));
}

}  // namespace
}  // namespace luge
