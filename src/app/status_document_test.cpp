#include "service/status_document.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/progress_display.h"
#include "app/status_text.h"

namespace luge {
namespace {

using nlohmann::json;

DriverStatus reached_status() {
  DriverStatus driver;
  driver.state = "live";
  driver.server_version = 150000;
  driver.pipeline.session = true;
  driver.slot.exists = true;
  driver.slot.wal_status = "reserved";
  driver.slot.safe_wal_bytes = 1 << 20;
  driver.pipeline.session = true;
  driver.pipeline.server = Lsn{5000};
  driver.pipeline.durable = Lsn{3000};
  driver.pipeline.acknowledged = Lsn{2000};
  driver.pipeline.oldest_unfinished_commit = PgTimestamp{1'000'000};
  return driver;
}

std::string again(const StatusDocument& document) {
  const auto parsed = parse_status(to_json(document));
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? to_json(*parsed) : "";
}

TEST(StatusDocument, WhatNobodyHasAskedIsNull) {
  StatusDocument document;
  document.state = "not_running";
  document.slot.name = "luge_luge";
  document.received = document.durable = document.acknowledged = "0/10";
  const json out = json::parse(to_json(document));
  EXPECT_TRUE(out.at("lsn").at("server").is_null());
  EXPECT_TRUE(out.at("lag").at("bytes").is_null());
  EXPECT_TRUE(out.at("lag").at("seconds").is_null());
  for (const auto& [name, value] : out.at("slot").items()) EXPECT_TRUE(name == "name" || value.is_null()) << name;
  EXPECT_EQ(again(document), to_json(document));
  EXPECT_EQ(to_text(document).find("lag"), std::string::npos);
  EXPECT_NE(to_text(document).find("--source"), std::string::npos);
  EXPECT_EQ(lag_text(document), "unknown");

  DriverStatus connecting;  // luge runs, and the server has not been reached yet
  connecting.state = "connecting";
  const json early = json::parse(to_json(make_status(connecting, {})));
  EXPECT_TRUE(early.at("slot").at("exists").is_null());
  EXPECT_TRUE(early.at("lag").at("bytes").is_null());
}

TEST(StatusDocument, WhatTheServerSaidComesBackFromJson) {
  StatusDocument document = make_status(reached_status(), PgTimestamp{3'000'000});
  document.slot.name = "luge_luge";
  const json out = json::parse(to_json(document));
  EXPECT_EQ(out.at("lag").at("bytes"), 2000);
  EXPECT_EQ(out.at("lag").at("seconds"), 2.0);
  EXPECT_EQ(out.at("slot").at("active"), true);
  EXPECT_EQ(out.at("slot").at("confirmed_flush"), to_string(Lsn{2000}));
  EXPECT_EQ(out.at("slot").at("safe_wal_bytes"), 1 << 20);
  EXPECT_EQ(again(document), to_json(document));

  document.error = StatusDocument::Problem{"gap", "changes are missing", "resync", 3};
  EXPECT_EQ(json::parse(again(document)).at("error").at("exit_code"), 3);
  document.error->exit_code.reset();
  EXPECT_FALSE(json::parse(again(document)).at("error").contains("exit_code"));
}

TEST(StatusDocument, APausedPipelineDoesNotKnowItsLag) {
  DriverStatus driver = reached_status();
  driver.pipeline.paused = true;
  StatusDocument document = make_status(driver, PgTimestamp{3'000'000});
  EXPECT_FALSE(document.lag_bytes);
  EXPECT_TRUE(document.slot.facts);
  SessionFacts asked;
  asked.server_lsn = Lsn{9000};
  fill_source(document, asked, Lsn{3000});
  EXPECT_EQ(document.lag_bytes, 6000U);
  EXPECT_FALSE(document.lag_seconds);
  EXPECT_TRUE(json::parse(again(document)).at("paused"));
}

TEST(StatusDocument, TablesOfOneNameAreToldApart) {
  DriverStatus driver = reached_status();
  for (const auto& [oid, state] : {std::pair{RelationOid{17}, TableState::live}, {RelationOid{16}, TableState::dropped}}) {
    TableStatus table;
    table.record.oid = oid;
    table.record.name = {"public", "t"};
    table.record.state = state;
    driver.pipeline.tables.push_back(table);
  }
  const StatusDocument document = make_status(driver, {});
  ASSERT_EQ(document.tables.size(), 2U);
  EXPECT_EQ(document.tables[0].oid, 16U);
  EXPECT_EQ(document.tables[1].oid, 17U);
  EXPECT_EQ(again(document), to_json(document));
  EXPECT_NE(progress_lines(document, 0).back().find("1 of 1 tables live"), std::string::npos) << progress_lines(document, 0).back();
}

TEST(StatusDocument, ASummaryCountsItsTables) {
  StatusDocument document;
  document.state = "live";
  for (const char* state : {"live", "live", "quarantined"}) {
    StatusDocument::Table table;
    table.name = "t";
    table.state = state;
    document.tables.push_back(table);
  }
  const json summary = json::parse(summary_json(document));
  EXPECT_FALSE(summary.contains("tables"));
  EXPECT_EQ(summary.at("table_counts"), json({{"live", 2}, {"quarantined", 1}}));
  EXPECT_EQ(json::parse(to_json(document.tables.back())), json::parse(to_json(document)).at("tables").back());
}

}  // namespace
}  // namespace luge
