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

}  // namespace
}  // namespace luge
