#include "service/catalog/pipeline_spec.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

std::string code(const Status& status) { return status ? "" : status.error().code; }

CatalogContents shop() {
  CatalogContents contents;
  contents.sources["shop"] = {"shop", "postgres://app:${PW}@db/shop", R"({"streaming": false})", 1};
  contents.destinations["mirror"] = {"mirror", "duckdb:shop.duckdb", "{}", 1};
  PipelineRow row;
  row.name = "orders";
  row.source = "shop";
  row.destination = "mirror";
  row.options = R"({"on_gap": "resync", "copy_connections": 4})";
  contents.pipelines["orders"] = row;
  return contents;
}

SecretResolver secrets() {
  return {CatalogKeyring(), [](const std::string& name) -> std::optional<std::string> {
            if (name == "PW") return "hunter2";
            return std::nullopt;
          }};
}

TEST(PipelineSpec, IsReadFromItsRows) {
  const CatalogContents contents = shop();
  const auto spec = read_spec(contents.pipelines.at("orders"), contents, {});
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(spec->source_options.at("streaming"), "off");
  EXPECT_EQ(spec->options.at("copy_connections"), "4");
  EXPECT_EQ(spec->conninfo, "postgres://app:${PW}@db/shop") << "references until they are resolved";
  const auto resolved = resolve_secrets(*spec, secrets());
  ASSERT_TRUE(resolved) << resolved.error().message();
  EXPECT_NE(resolved->conninfo.find("password='hunter2'"), std::string::npos);
}

TEST(PipelineSpec, AFileHasOneWriter) {
  CatalogContents contents = shop();
  contents.destinations["same"] = {"same", "duckdb:shop.duckdb", "{}", 1};
  PipelineRow second = contents.pipelines.at("orders");
  second.name = "first_by_name";
  second.destination = "same";
  const auto check = [&](std::vector<CatalogEdit> edits) { return code(check_edits(contents, edits, {})); };
  EXPECT_EQ(check({second}), "destination_taken");
  PipelineRow paused = second;
  paused.desired = "PAUSE";
  EXPECT_EQ(check({paused}), "");
  EXPECT_EQ(check({paused, SetDesired{"first_by_name", "START"}}), "destination_taken");
  EXPECT_EQ(check({second, SetDesired{"orders", "PAUSE"}}), "") << "its place is free";
  EXPECT_EQ(check({DestinationRow{"same", "snowflake:", "{}", 1}, second}), "") << "many may write to Snowflake";
  contents.pipelines["first_by_name"] = second;
  EXPECT_TRUE(read_spec(contents.pipelines.at("orders"), contents, {})) << "a row that somebody wrote by SQL stops nobody";
  EXPECT_EQ(check({SourceRow{"shop", "postgres://db/other", "{}", 1}}), "") << "nor does it keep its source from being edited";
}

TEST(PipelineSpec, NamesAreWhatASlotCanBeCalled) {
  for (const char* good : {"a", "orders_2", "x23456789012345678901234567890123456789012345678_0"})
    EXPECT_EQ(code(check_row_name(RowKind::pipeline, good)), "") << good;
  for (const char* bad : {"", "Orders", "2nd", "a-b", "a b", "a;b", "a'b", "_a", "ö", "x234567890123456789012345678901234567890123456789_0"})
    EXPECT_EQ(code(check_row_name(RowKind::pipeline, bad)), "bad_name") << bad;
  EXPECT_EQ(code(check_row_name(RowKind::source, "shop-eu")), "");
}

TEST(PipelineSpec, DesiredIsAWordInAnyCase) {
  PipelineRow row;
  for (const char* start : {"START", "start", "Start"}) {
    row.desired = start;
    EXPECT_TRUE(*wants_start(row));
  }
  row.desired = "pause";
  EXPECT_FALSE(*wants_start(row));
  for (const char* bad : {"", "STOP", "START ", "STARTED"}) {
    row.desired = bad;
    EXPECT_FALSE(wants_start(row)) << bad;
  }
}

TEST(PipelineSpec, TheRulesHaveTheLastWord) {
  const CatalogContents contents = shop();
  const SpecRules rules{[](const PipelineSpec& spec) -> Status {
    if (spec.options.contains("on_gap")) return fatal("bad_options", "on_gap is not for this one");
    return ok();
  }};
  EXPECT_EQ(read_spec(contents.pipelines.at("orders"), contents, rules).error().code, "bad_options");
}

TEST(PipelineSpec, MessagesNameRowsAndNeverValues) {
  CatalogContents contents = shop();
  contents.sources["shop"].conninfo = "postgres://app:hunter2@db/shop";
  const auto plain = read_spec(contents.pipelines.at("orders"), contents, {});
  EXPECT_EQ(plain.error().code, "plain_secret");
  EXPECT_NE(plain.error().what.find("source 'shop'"), std::string::npos);
  EXPECT_EQ(plain.error().message().find("hunter2"), std::string::npos);
  contents.pipelines["orders"].source = std::string(1000, 'x') + "\x01'; DROP";
  const auto unknown = read_spec(contents.pipelines.at("orders"), contents, {});
  EXPECT_EQ(unknown.error().code, "unknown_source");
  EXPECT_LT(unknown.error().message().size(), 300U);
  EXPECT_EQ(shown_word("a\x01\xff b'"), "'a?? b''");
}

TEST(PipelineSpec, WhatChangedIsNamedWithoutValues) {
  const CatalogContents contents = shop();
  const PipelineSpec before = *read_spec(contents.pipelines.at("orders"), contents, {});
  PipelineSpec after = before;
  EXPECT_EQ(before, after);
  EXPECT_EQ(changed_fields(before, after), "");
  after.conninfo = "host=other password=hunter2";
  after.batch_max_size = 7;
  after.options.erase("on_gap");
  after.options["binary"] = "on";
  EXPECT_NE(before, after);
  EXPECT_EQ(changed_fields(before, after), "source.conninfo, batch_max_size, options.binary, options.on_gap");
}

TEST(PipelineSpec, EditsAreCheckedWithEverythingThatUsesThem) {
  CatalogContents contents = shop();
  const auto check = [&](std::vector<CatalogEdit> edits) { return code(check_edits(contents, edits, {})); };
  SourceRow plain = contents.sources.at("shop");
  plain.conninfo = "host=db password=hunter2";
  EXPECT_EQ(check({plain}), "plain_secret");
  PipelineRow lost = contents.pipelines.at("orders");
  lost.source = "nobody";
  EXPECT_EQ(check({lost}), "unknown_source");
  EXPECT_EQ(check({SourceRow{"nobody", "service=n", "{}", 0}, lost}), "");
  EXPECT_EQ(check({SetDesired{"orders", "RUN"}}), "bad_desired");
  // What is broken already can be paused, and does not keep others from being edited.
  contents.pipelines["broken"] = lost;
  contents.pipelines["broken"].name = "broken";
  contents.pipelines["broken"].destination = "mirror";
  EXPECT_EQ(check({SetDesired{"broken", "PAUSE"}}), "");
  EXPECT_EQ(check({SetDesired{"broken", "START"}}), "unknown_source");
  EXPECT_EQ(check({DestinationRow{"mirror", "duckdb:other.duckdb", "{}", 0}}), "");
}

TEST(StatusKey, IsCutWhereACharacterEnds) {
  EXPECT_EQ(status_key("orders"), "orders");
  const std::string accents = [] {
    std::string text = "x";
    for (int i = 0; i < 100; ++i) text += "å";
    return text;
  }();
  EXPECT_EQ(status_key(accents).size(), 99U);
  EXPECT_EQ(status_key(std::string(200, 'x')).size(), 100U);
}

}  // namespace
}  // namespace luge
