#include "service/catalog/secret_sealing.h"

#include <gtest/gtest.h>

#include "service/catalog/catalog_options.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_text.h"

namespace luge {
namespace {

CatalogDocument document(const std::string& password) {
  CatalogDocument wanted;
  wanted.sources = {{"shop", "postgres://app:" + password + "@db/shop", "{}", 0}};
  wanted.destinations = {{"flake", "snowflake:", write_options({{"pat", password}, {"user", "LUGE"}}), 0}};
  PipelineRow row;
  row.name = "shop";
  row.source = "shop";
  row.destination = "flake";
  row.options = write_options({{"state", "redis://luge:" + password + "@cache/1"}});
  wanted.pipelines = {row};
  return wanted;
}

/// Writes the document as `luge apply` does; how many rows changed.
std::size_t apply(CatalogDocument wanted, CatalogContents& contents, const CatalogKeyring& keyring) {
  const Status sealed = seal_secrets(wanted, contents, keyring);
  EXPECT_TRUE(sealed) << sealed.error().message();
  const CatalogDifference found = difference(wanted, contents, false);
  for (const CatalogEdit& edit : found.edits) EXPECT_TRUE(refuse_plain_secrets(edit));
  EXPECT_EQ(difference_text(found).find("hunter"), std::string::npos);
  contents = with_edits(contents, found.edits);
  return found.changes.size();
}

TEST(SecretSealing, TheSameDocumentIsNoChangeTheSecondTime) {
  const std::string old_line = CatalogKeyring::make_key("k1");
  const CatalogKeyring keyring = *CatalogKeyring::parse(old_line, "test");
  CatalogContents contents;
  EXPECT_EQ(apply(document("hunter2"), contents, keyring), 3U);
  EXPECT_EQ(contents.sources.at("shop").conninfo.find("hunter2"), std::string::npos);
  EXPECT_EQ(contents.pipelines.at("shop").options.find("hunter2"), std::string::npos);
  EXPECT_EQ(apply(document("hunter2"), contents, keyring), 0U) << "a fresh nonce is no change";
  const CatalogKeyring newer = *CatalogKeyring::parse(CatalogKeyring::make_key("k2") + "\n" + old_line, "test");
  EXPECT_EQ(apply(document("hunter2"), contents, newer), 0U) << "neither is another key: luge secrets rotate is for that";
  EXPECT_EQ(apply(document("hunter3"), contents, newer), 3U) << "another password is";
}

TEST(SecretSealing, AnotherRowsSecretIsNotTakenOver) {
  const CatalogKeyring keyring = *CatalogKeyring::parse(CatalogKeyring::make_key("k1"), "test");
  SourceRow first{"first", "host=db password=hunter2", "{}", 0};
  ASSERT_TRUE(seal_secrets(first, nullptr, keyring));
  SourceRow second{"second", "host=db password=hunter2", "{}", 0};
  ASSERT_TRUE(seal_secrets(second, &first, keyring));
  EXPECT_NE(second.conninfo, first.conninfo);
}

TEST(SecretSealing, WithoutAKeyAPlainSecretStaysAndIsRefused) {
  CatalogDocument wanted = document("hunter2");
  ASSERT_TRUE(seal_secrets(wanted, {}, CatalogKeyring()));
  for (const CatalogEdit& edit : difference(wanted, {}, false).edits) EXPECT_EQ(refuse_plain_secrets(edit).error().code, "plain_secret");
}

}  // namespace
}  // namespace luge
