#include "app/serve/spec_options.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

PipelineSpec spec() {
  PipelineSpec spec;
  spec.name = "shop";
  spec.conninfo = "host=db dbname=shop password='${literal'";
  spec.address = "duckdb:/data/shop.duckdb";
  spec.mode = "mirror";
  return spec;
}

TEST(SpecOptions, rows_become_what_luge_run_would_be_asked_for) {
  PipelineSpec asked = spec();
  asked.tables = "public.*";
  asked.mode = "log";
  asked.batch_max_size = 7;
  asked.batch_max_fill_ms = 1500;
  asked.source_options = {{"parallel_copies", "3"}, {"on_gap", "resync"}};
  asked.options = {{"on_gap", "stop"}, {"streaming", "off"}, {"columns", R"({"public.orders.note": {"as": "text"}})"}};
  const auto options = options_of(asked);
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->source, asked.conninfo);
  EXPECT_EQ(options->destination, asked.address);
  EXPECT_EQ(options->pipeline, "shop");
  EXPECT_EQ(options->tables, "public.*");
  EXPECT_EQ(options->mode, "log");
  EXPECT_EQ(options->batch_max_size, 7U);
  EXPECT_EQ(options->batch_max_fill, Duration(1'500'000));
  EXPECT_EQ(options->parallel_copies, 3U);
  EXPECT_EQ(options->on_gap, "stop") << "the pipeline's own word counts";
  EXPECT_FALSE(options->streaming);
  EXPECT_NE(options->columns.fingerprint(), ColumnRules().fingerprint());
}

TEST(SpecOptions, a_snowflake_destination_has_its_section) {
  PipelineSpec asked = spec();
  asked.address = "snowflake:";
  asked.destination_options = {
      {"account", "MYORG-ME"}, {"private_key_passphrase", "a ${ secret"}, {"tables", R"({"public.orders": {"merge_interval": "10s"}})"}};
  const auto options = options_of(asked);
  ASSERT_TRUE(options) << options.error().message();
  ASSERT_TRUE(options->snowflake);
  EXPECT_EQ(options->snowflake->account, "MYORG-ME");
  EXPECT_EQ(options->snowflake->private_key_passphrase, "a ${ secret");
  EXPECT_EQ(options->snowflake->merge_interval_of.at("public.orders"), Duration(10'000'000));
}

TEST(SpecOptions, what_cannot_be_is_refused) {
  const std::pair<OptionMap, std::string> wrong[] = {
      {{{"on_gapp", "resync"}}, "on_gap"},    {{{"on_gap", "perhaps"}}, "perhaps"},      {{{"until", "caught-up"}}, "until"},
      {{{"tables", "public.*"}}, "tables"},   {{{"memory_limit", "1"}}, "out of range"}, {{{"columns", "text"}}, "columns"},
      {{{"http", "127.0.0.1:9000"}}, "http"},
  };
  for (const auto& [options, word] : wrong) {
    PipelineSpec asked = spec();
    asked.options = options;
    const Status checked = check_spec(asked);
    ASSERT_FALSE(checked) << word;
    EXPECT_NE(checked.error().message().find(word), std::string::npos) << checked.error().message();
  }
  PipelineSpec asked = spec();
  asked.address = "csv:/data";
  EXPECT_FALSE(check_spec(asked));
  asked = spec();
  asked.publication = "another";
  EXPECT_FALSE(check_spec(asked));
  asked.publication = "luge_shop";
  EXPECT_TRUE(check_spec(asked));
}

// A check is made before secrets are opened: it reads no file for them.
TEST(SpecOptions, a_check_leaves_secrets_alone) {
  PipelineSpec asked = spec();
  asked.address = "snowflake:";
  asked.destination_options = {{"pat", "file:/nowhere/at/all"}, {"private_key_passphrase", "${NOT_SET}"}};
  const Status checked = check_spec(asked);
  EXPECT_TRUE(checked) << checked.error().message();
  asked.address = "duckdb:${DIRECTORY}/shop.duckdb";
  asked.destination_options = {};
  EXPECT_TRUE(check_spec(asked));
}

}  // namespace
}  // namespace luge
