#include "app/serve/row_words.h"

#include <array>
#include <gtest/gtest.h>

#include "service/catalog/secret_text.h"

namespace luge {
namespace {

using Words = std::vector<std::string>;

TEST(RowWords, keys_are_columns_or_options) {
  PipelineRow row;
  ASSERT_TRUE(set_words(row, Words{"source=shop", "tables=public.*,!public.audit_*", "batch-max-size=10_000", "on_gap=resync", "mode=log"}));
  EXPECT_EQ(row.source, "shop");
  EXPECT_EQ(row.tables, "public.*,!public.audit_*");
  EXPECT_EQ(row.batch_max_size, 10'000);
  EXPECT_EQ(row.mode, "log");
  EXPECT_NE(row.options.find("on_gap"), std::string::npos);
  ASSERT_TRUE(set_words(row, Words{"on-gap=", "mode=", "batch_max_size=", "tables="}));
  EXPECT_EQ(row.options, "{}");
  EXPECT_EQ(row.mode, "mirror");
  EXPECT_FALSE(row.batch_max_size);
  EXPECT_EQ(row.tables, "");
}

TEST(RowWords, what_is_no_pair_is_refused) {
  PipelineRow row;
  EXPECT_FALSE(set_words(row, Words{"shop"}));
  EXPECT_FALSE(set_words(row, Words{"=shop"}));
  EXPECT_FALSE(set_words(row, Words{"batch_max_size=many"}));
  SourceRow source;
  source.options = "[]";
  EXPECT_FALSE(set_words(source, Words{"conninfo=host=db"}));
}

TEST(RowWords, plain_secrets_are_encrypted_where_there_is_a_key) {
  SourceRow source;
  source.name = "shop";
  ASSERT_TRUE(set_words(source, Words{"conninfo=postgres://app:hunter2@db/shop"}));
  ASSERT_TRUE(seal_secrets(source, CatalogKeyring()));
  EXPECT_FALSE(refuse_plain_conninfo(source.conninfo)) << "without a key it stays, and is refused";
  auto keyring = CatalogKeyring::parse(CatalogKeyring::make_key("k1"), "test");
  ASSERT_TRUE(keyring);
  ASSERT_TRUE(seal_secrets(source, *keyring));
  EXPECT_EQ(source.conninfo.find("hunter2"), std::string::npos);
  EXPECT_TRUE(refuse_plain_conninfo(source.conninfo));
  const SecretResolver secrets(*keyring, [](const std::string&) { return std::nullopt; });
  const auto opened = secrets.resolve_conninfo(source.conninfo, conninfo_context("shop"));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_NE(opened->find("hunter2"), std::string::npos);

  DestinationRow destination;
  destination.name = "warehouse";
  ASSERT_TRUE(set_words(destination, Words{"address=snowflake:", "account=A-B", "pat=hunter3"}));
  ASSERT_TRUE(seal_secrets(destination, *keyring));
  EXPECT_EQ(destination.options.find("hunter3"), std::string::npos);
  EXPECT_NE(destination.options.find("A-B"), std::string::npos);
}

}  // namespace
}  // namespace luge
