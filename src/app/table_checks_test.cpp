#include "app/table_checks.h"

#include <gtest/gtest.h>

#include "app/server_checks.h"

namespace luge {
namespace {

CatalogTable table(std::string schema, std::string name, std::vector<std::string> columns = {"id"}) {
  CatalogTable made;
  made.name = {std::move(schema), std::move(name)};
  for (std::string& column : columns) {
    CatalogColumn one;
    one.attnum = static_cast<std::int16_t>(made.columns.size() + 1);
    one.name = std::move(column);
    made.columns.push_back(std::move(one));
  }
  return made;
}

TEST(TableChecks, NamesThatFoldTogetherAreRefused) {
  EXPECT_TRUE(check_folding_names({table("public", "a"), table("public", "b"), table("Public2", "a")}, false).empty());
  const auto tables = check_folding_names({table("public", "Orders"), table("Public", "orders")}, false);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].level, Check::Level::problem);
  EXPECT_EQ(tables[0].tables.size(), 2U);
  const auto columns = check_folding_names({table("public", "t", {"id", "Name", "name"})}, false);
  ASSERT_EQ(columns.size(), 1U);
  EXPECT_NE(columns[0].what.find("\"Name\""), std::string::npos);
  CatalogTable dropped = table("public", "t", {"id", "Name", "name"});
  dropped.columns[1].dropped = true;
  EXPECT_TRUE(check_folding_names({dropped}, false).empty());
}

TEST(TableChecks, IdentityIsADecisionOnlyBeforePublishing) {
  const std::vector<TableFinding> findings{{TableFinding::Kind::no_identity, 1, {"public", "a"}, "public.a has none", "ALTER TABLE a …"},
                                           {TableFinding::Kind::no_identity, 2, {"public", "b"}, "public.b has none", "ALTER TABLE b …"}};
  const auto refused = check_findings(findings, {});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].level, Check::Level::decision);
  EXPECT_EQ(refused[0].tables, (std::vector<std::string>{"public.a", "public.b"}));
  EXPECT_NE(refused[0].fix.find("ALTER TABLE b"), std::string::npos);
  EXPECT_NE(refused[0].fix.find("!public.a"), std::string::npos);
  EXPECT_EQ(exit_code_of(refused), ExitCode::operator_decision);
  EXPECT_EQ(check_findings(findings, {.allow_no_identity = true})[0].level, Check::Level::warning);
  EXPECT_EQ(check_findings(findings, {.tables = FindingPolicy::Tables::published})[0].level, Check::Level::warning);
  EXPECT_EQ(check_findings(findings, {.tables = FindingPolicy::Tables::not_published})[0].level, Check::Level::note);
}

TEST(TableChecks, HiddenRowsAreAProblem) {
  const std::vector<TableFinding> findings{{TableFinding::Kind::row_security, 1, {"public", "a"}, "hidden", "ALTER ROLE …"}};
  EXPECT_EQ(exit_code_of(check_findings(findings, {})), ExitCode::failed);
  EXPECT_EQ(exit_code_of(check_findings(findings, {.tables = FindingPolicy::Tables::published, .first_start = false})), ExitCode::done);
}

TEST(TableChecks, AGeneratedIdentityIsADecisionToo) {
  const std::vector<TableFinding> findings{{TableFinding::Kind::generated_identity, 1, {"public", "g"}, "generated", "ALTER TABLE g …"}};
  const auto refused = check_findings(findings, {});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].name, "generated_identity");
  EXPECT_EQ(refused[0].level, Check::Level::decision);
  EXPECT_EQ(check_findings(findings, {.allow_no_identity = true})[0].level, Check::Level::warning);
  EXPECT_EQ(check_findings(findings, {.tables = FindingPolicy::Tables::published})[0].level, Check::Level::warning);
}

ServerFacts healthy() {
  ServerFacts facts;
  facts.version = 150020;
  facts.wal_level = "logical";
  facts.max_replication_slots = 10;
  facts.max_wal_senders = 10;
  facts.role = "app";
  facts.may_replicate = true;
  facts.max_slot_wal_keep = "50GB";
  facts.encoding = "UTF8";
  return facts;
}

std::vector<std::string> worse_than_note(const std::vector<Check>& checks) {
  std::vector<std::string> names;
  for (const Check& check : checks) {
    if (check.level > Check::Level::note) names.push_back(check.name);
  }
  return names;
}

TEST(ServerChecks, EachFaultIsNamed) {
  EXPECT_TRUE(worse_than_note(check_server(healthy(), false)).empty());
  const auto only = [](const char* name, auto&& spoil) {
    ServerFacts facts = healthy();
    spoil(facts);
    EXPECT_EQ(worse_than_note(check_server(facts, false)), std::vector<std::string>{name});
  };
  only("version", [](ServerFacts& f) { f.version = 120022; });
  only("wal_level", [](ServerFacts& f) { f.wal_level = "replica"; });
  only("standby", [](ServerFacts& f) { f.in_recovery = true; });
  only("role", [](ServerFacts& f) { f.may_replicate = false; });
  only("slots", [](ServerFacts& f) { f.used_replication_slots = 10; });
  only("wal_senders", [](ServerFacts& f) { f.used_wal_senders = 10; });
  only("output_plugin", [](ServerFacts& f) { f.output_plugins = "test_decoding"; });
  only("encoding", [](ServerFacts& f) { f.encoding = "SQL_ASCII"; });
}

TEST(ServerChecks, OwnSlotNeedsNoFreeOne) {
  ServerFacts facts = healthy();
  facts.used_replication_slots = 10;
  EXPECT_TRUE(worse_than_note(check_server(facts, true)).empty());
}

TEST(ServerChecks, MinorReleases) {
  EXPECT_TRUE(check_minor_release(150020).empty());
  EXPECT_TRUE(check_minor_release(130023).empty());
  const auto old = check_minor_release(150005);
  ASSERT_EQ(old.size(), 1U);
  EXPECT_NE(old[0].fix.find("15.18"), std::string::npos);
  EXPECT_EQ(check_minor_release(180003).size(), 1U);
  EXPECT_EQ(version_text(150020), "15.20");
}

}  // namespace
}  // namespace luge
