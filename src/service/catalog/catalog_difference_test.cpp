#include "service/catalog/catalog_difference.h"

#include <gtest/gtest.h>

#include "service/catalog/pipeline_spec.h"

namespace luge {
namespace {

CatalogDocument document() {
  CatalogDocument wanted;
  wanted.sources = {{"shop", "postgres://app:${PW}@db/shop", "{}", 0}};
  wanted.destinations = {{"mirror", "duckdb:shop.duckdb", "{}", 0}};
  PipelineRow row;
  row.name = "orders";
  row.source = "shop";
  row.destination = "mirror";
  row.desired = "";
  wanted.pipelines = {row};
  return wanted;
}

CatalogContents after(const CatalogContents& contents, const CatalogDifference& found) { return with_edits(contents, found.edits); }

TEST(CatalogDifference, FillsAnEmptyCatalogInAnOrderThatWorks) {
  const CatalogDifference found = difference(document(), {}, false);
  ASSERT_EQ(found.edits.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<SourceRow>(found.edits[0]));
  EXPECT_TRUE(std::holds_alternative<PipelineRow>(found.edits[2]));
  EXPECT_EQ(std::get<PipelineRow>(found.edits[2]).desired, "START");
  const std::string text = difference_text(found);
  EXPECT_NE(text.find("+ source shop\n"), std::string::npos) << text;
  EXPECT_NE(text.find("${PW}"), std::string::npos) << text;
}

TEST(CatalogDifference, IsEmptyTheSecondTime) {
  const CatalogContents contents = after({}, difference(document(), {}, false));
  const CatalogDifference again = difference(document(), contents, true);
  EXPECT_TRUE(again.changes.empty());
  EXPECT_TRUE(again.edits.empty());
  EXPECT_EQ(difference_text(again), "");
}

TEST(CatalogDifference, LeavesAPausedPipelinePausedUnlessItSaysOtherwise) {
  CatalogContents contents = after({}, difference(document(), {}, false));
  contents.pipelines["orders"].desired = "PAUSE";
  EXPECT_TRUE(difference(document(), contents, true).edits.empty());
  CatalogDocument start = document();
  start.pipelines[0].desired = "START";
  const CatalogDifference found = difference(start, contents, true);
  ASSERT_EQ(found.changes.size(), 1U);
  EXPECT_EQ(difference_text(found), "~ pipeline orders\n    desired: PAUSE -> START\n");
}

TEST(CatalogDifference, ShowsWhichFieldsChange) {
  const CatalogContents contents = after({}, difference(document(), {}, false));
  CatalogDocument wanted = document();
  wanted.pipelines[0].tables = "public.*";
  wanted.pipelines[0].batch_max_size = 100;
  wanted.pipelines[0].options = R"({"on_gap": "resync"})";
  const CatalogDifference found = difference(wanted, contents, false);
  ASSERT_EQ(found.changes.size(), 1U);
  EXPECT_EQ(difference_text(found),
            "~ pipeline orders\n    batch_max_size: (none) -> 100\n    options.on_gap: (none) -> resync\n    tables: (none) -> public.*\n");
}

TEST(CatalogDifference, TheOrderOfJsonDoesNotMatter) {
  CatalogDocument wanted = document();
  wanted.pipelines[0].options = R"({"a": "1", "b": true})";
  CatalogContents contents = after({}, difference(wanted, {}, false));
  contents.pipelines["orders"].options = R"({"b":true,   "a":"1"})";
  EXPECT_TRUE(difference(wanted, contents, false).edits.empty());
}

TEST(CatalogDifference, RemovesOnlyWhenToldTo) {
  const CatalogContents contents = after({}, difference(document(), {}, false));
  EXPECT_TRUE(difference({}, contents, false).edits.empty());
  const CatalogDifference found = difference({}, contents, true);
  ASSERT_EQ(found.edits.size(), 3U);
  EXPECT_EQ(std::get<RemoveRow>(found.edits[0]).kind, RowKind::pipeline) << "what uses goes before what is used";
  EXPECT_EQ(difference_text(found), "- source shop\n- destination mirror\n- pipeline orders\n");
  EXPECT_TRUE(after(contents, found).sources.empty());
}

TEST(CatalogDifference, HidesSecretsWhoeverWroteThem) {
  CatalogContents contents;
  contents.sources["shop"] = {"shop", "host=db password=hunter2", "{}", 1};
  contents.destinations["mirror"] = {"mirror", "snowflake:", R"({"pat": "hunter2", "state": "redis://:hunter2@cache"})", 1};
  const std::string text = difference_text(difference(document(), contents, false));
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  EXPECT_NE(text.find("options.pat: (hidden)"), std::string::npos) << text;
}

}  // namespace
}  // namespace luge
