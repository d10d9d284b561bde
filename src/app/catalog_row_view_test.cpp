#include "app/catalog_row_view.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace luge {
namespace {

StatusRow status(double age) {
  StatusRow row;
  row.pipeline = "shop";
  row.state = "live";
  row.heartbeat_age_seconds = age;
  return row;
}

PipelineRow pipeline() {
  PipelineRow row;
  row.name = "shop";
  row.source = "shop";
  row.destination = "lake";
  return row;
}

TEST(CatalogRowView, WhatNobodyHasConfirmedForLongIsUnknown) {
  const StatusRow fresh = status(6);
  EXPECT_EQ(state_text(&fresh), "live");
  EXPECT_FALSE(nlohmann::json::parse(document_of(pipeline(), &fresh))["status"]["stale"].get<bool>());
  const StatusRow old = status(42);
  EXPECT_EQ(state_text(&old), "unknown (last heard of 42 s ago)");
  EXPECT_TRUE(nlohmann::json::parse(document_of(pipeline(), &old))["status"]["stale"].get<bool>());
  EXPECT_EQ(nlohmann::json::parse(document_of(pipeline(), &old))["status"]["heartbeat_age_seconds"], 42);
  EXPECT_EQ(state_text(nullptr), "no luge serve has seen it");
}

TEST(CatalogRowView, APositionThatIsNotKnownIsNull) {
  StatusRow row = status(1);
  row.durable = Lsn{0x10};
  const auto lsn = nlohmann::json::parse(document_of(pipeline(), &row))["status"]["lsn"];
  EXPECT_EQ(lsn["durable"], "0/10");
  EXPECT_TRUE(lsn["server"].is_null() && lsn["received"].is_null() && lsn["acknowledged"].is_null()) << lsn;
  EXPECT_EQ(field_lines(pipeline(), &row).find("0/0"), std::string::npos);
}

TEST(CatalogRowView, TheListHasOneLineAndSaysWhatIsQuarantined) {
  CatalogContents contents;
  contents.destinations["lake"] = {"lake", "duckdb:/data/shop.duckdb", "{}", 1};
  StatusRow row = status(1);
  EXPECT_EQ(what_is_wrong(pipeline(), &row, contents), "");
  row.error = "it failed\nLINE 1: select\n        ^";
  EXPECT_EQ(what_is_wrong(pipeline(), &row, contents), "it failed …");
  row.error = "";
  row.quarantined = 1;
  EXPECT_EQ(what_is_wrong(pipeline(), &row, contents), "1 table quarantined: luge status --to duckdb:/data/shop.duckdb --pipeline shop says which");
}

TEST(CatalogRowView, SecretsThatWereWrittenBySqlAreHidden) {
  PipelineRow row = pipeline();
  row.options = R"({"state": "redis://luge:hunter2@cache/1", "on_gap": "resync"})";
  const std::string line = document_of(row, nullptr);
  EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  EXPECT_NE(line.find("resync"), std::string::npos);
}

TEST(CatalogRowView, HostileTextsStayInTheirField) {
  PipelineRow row = pipeline();
  row.name = "a\nstatus: live\x1b[2J\xff";
  const std::string lines = field_lines(row, nullptr);
  EXPECT_NE(lines.find("name: a\n  status: live"), std::string::npos) << lines;
  EXPECT_EQ(lines.find('\x1b'), std::string::npos);
  EXPECT_FALSE(document_of(row, nullptr).empty()) << "no UTF-8";
}

}  // namespace
}  // namespace luge
