#include "app/serve/catalog_file.h"

#include <gtest/gtest.h>

#include "service/catalog/catalog_options.h"

namespace luge {
namespace {

TEST(CatalogFile, sections_become_rows) {
  const auto document = read_catalog_file(R"(
sources:
  shop: {conninfo: "postgres://app:${SHOP_PASSWORD}@db/shop", parallel_copies: 2}
destinations:
  lake: {address: duckdb:/data/shop.duckdb}
pipelines:
  shop:
    source: shop
    destination: lake
    tables: ["public.*", "!public.audit_*"]
    batch_max_fill_ms: 250
    streaming: false
    columns: {public.orders.note: {as: text}}
  paused: {source: shop, destination: lake, desired: PAUSE}
)",
                                          "luge.yaml");
  ASSERT_TRUE(document) << document.error().message();
  ASSERT_EQ(document->sources.size(), 1U);
  EXPECT_EQ(document->sources[0].conninfo, "postgres://app:${SHOP_PASSWORD}@db/shop");
  EXPECT_EQ(parse_options(document->sources[0].options)->at("parallel_copies"), "2");
  EXPECT_EQ(document->destinations[0].address, "duckdb:/data/shop.duckdb");
  ASSERT_EQ(document->pipelines.size(), 2U);
  const PipelineRow& shop = document->pipelines[0];
  EXPECT_EQ(shop.tables, "public.*,!public.audit_*");
  EXPECT_EQ(shop.batch_max_fill_ms, 250);
  EXPECT_EQ(shop.desired, "") << "what it does not say is left as it is";
  EXPECT_EQ(parse_options(shop.options)->at("streaming"), "false");
  EXPECT_EQ(parse_options(shop.options)->at("columns"), R"({"public.orders.note":{"as":"text"}})");
  EXPECT_EQ(document->pipelines[1].desired, "PAUSE");
}

TEST(CatalogFile, what_is_wrong_is_told_with_its_line) {
  const std::pair<const char*, const char*> wrong[] = {
      {"pipeline: {}", "pipelines"},
      {"pipelines: [a]", "mapping"},
      {"pipelines: {a: 1}", "pipelines.a"},
      {"a: [", "not YAML"},
      {"- a", "mapping"},
      {"", "says nothing"},
      {"# a comment", "says nothing"},
      {"{}", "says nothing"},
      {"pipelines:\nsources:\n", "says nothing"},
      {"pipelines: {a: {mode: log}, b: {}, a: {}}", "pipelines.a: is there twice"},
      {"sources: {}\nsources: {}\n", "sources: is there twice"},
      {"pipelines: {a: {mode: log, mode: mirror}}", "mode: is there twice"},
      {"pipelines: {a: {tables: {b: c}}}", "pipelines.a.tables"},
      {"sources: {a: {conninfo: {host: b}}}", "sources.a.conninfo"},
      {"pipelines: {a: {batch_max_size: many}}", "pipelines.a"},
      {"pipelines: {a: {tables: [{b: c}]}}", "pipelines.a.tables"},
  };
  for (const auto& [yaml, word] : wrong) {
    const auto document = read_catalog_file(yaml, "luge.yaml");
    ASSERT_FALSE(document) << yaml;
    EXPECT_EQ(document.error().exit_code, ExitCode::usage);
    EXPECT_NE(document.error().message().find(word), std::string::npos) << document.error().message();
    EXPECT_NE(document.error().message().find("luge.yaml"), std::string::npos);
  }
  EXPECT_TRUE(read_catalog_file("sources: {}", "luge.yaml")->pipelines.empty());
}

}  // namespace
}  // namespace luge
