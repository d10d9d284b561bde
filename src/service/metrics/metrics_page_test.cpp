#include "service/metrics/metrics_page.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "service/admin_view_test_support.h"

namespace luge {
namespace {

AlertReport sample_alerts() {
  AlertReport alerts;
  alerts.firing.push_back({"wal/shop", "wal", "warning", "the WAL of shop grows", "", {}});
  alerts.firing.push_back({"wal/crm", "wal", "warning", "the WAL of crm grows", "", {}});
  alerts.receivers.push_back({"team", 3, 1, 0});
  return alerts;
}

std::string page_of(const std::vector<PipelineReport>& pipelines, const std::vector<SourceReport>& sources = {}) {
  return metrics_page(
      pipelines, sources, sample_alerts(), [](const std::string&) { return 1234.5; }, "0.1.0", PgTimestamp{5'000'000});
}

bool has_line(const std::string& page, const std::string& begin) { return ("\n" + page).find("\n" + begin) != std::string::npos; }

/// The value of the sample that is written so; "" if there is none.
std::string value_of(const std::string& page, const std::string& sample) {
  const std::size_t at = ("\n" + page).find("\n" + sample + " ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + sample.size() + 1;
  return page.substr(begin, page.find('\n', begin) - begin);
}

double number_of(const std::string& page, const std::string& sample) {
  const std::string text = value_of(page, sample);
  return text.empty() ? -1 : std::strtod(text.c_str(), nullptr);
}

SourceReport sample_source() {
  SourceReport source;
  source.name = "shop";
  source.level = SourceReport::Level::warning;
  source.wal_bytes = 3U << 20U;
  source.slots.push_back({"luge_a", true, 2'000'000, 5'000'000, 120.0, "extended"});
  source.slots.push_back({"other", false, {}, {}, {}, "reserved"});
  source.cache = SourceReport::SchemaCache{10, 2, 3, 40};
  return source;
}

TEST(MetricsPage, SaysWhatTheDriverKnows) {
  PipelineReport report = sample_pipeline("a", 2);
  report.driver.pipeline.oldest_unfinished_commit = PgTimestamp{3'000'000};
  report.driver.pipeline.tables[1].record.state = TableState::quarantined;
  report.driver.pipeline.tables[1].record.quarantine = Quarantine{"misfit", "too long", "note", "text", {}, "luge resync"};
  const std::string page = page_of({report}, {sample_source()});
  EXPECT_EQ(number_of(page, R"(pipeline_active{pipeline="a"})"), 1);
  EXPECT_EQ(number_of(page, R"(etl_throughput_rows{pipeline="a"})"), 1234.5);
  EXPECT_EQ(number_of(page, R"(pg_source_wal_size_mb{source="shop"})"), 3);
  EXPECT_EQ(number_of(page, R"(luge_source_wal_bytes{source="shop"})"), 3 << 20);
  EXPECT_EQ(number_of(page, R"(luge_source_level{source="shop"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_slot_remaining_seconds{source="shop",slot="luge_a"})"), 120);
  EXPECT_EQ(value_of(page, R"(luge_slot_remaining_seconds{source="shop",slot="other"})"), "");
  EXPECT_EQ(number_of(page, R"(luge_schema_cache_misses_total{source="shop"})"), 2);
  EXPECT_EQ(number_of(page, R"(luge_lag_bytes{pipeline="a"})"), 0x1000);
  EXPECT_EQ(number_of(page, R"(luge_lag_seconds{pipeline="a"})"), 2);
  EXPECT_EQ(number_of(page, R"(luge_lsn_bytes{pipeline="a",position="durable"})"), 0x4000);
  EXPECT_EQ(number_of(page, R"(luge_rows_total{pipeline="a"})"), 120'345);
  EXPECT_EQ(number_of(page, R"(luge_apply_seconds_total{pipeline="a"})"), 1.5);
  EXPECT_EQ(number_of(page, R"(luge_memory_limit_bytes{pipeline="a"})"), 128 << 20);
  EXPECT_EQ(number_of(page, R"(luge_commit_to_durable_seconds_count{pipeline="a"})"), 2);
  EXPECT_EQ(number_of(page, R"(luge_commit_to_durable_seconds_bucket{pipeline="a",le="+Inf"})"), 2);
  EXPECT_EQ(number_of(page, R"(luge_tables{pipeline="a",state="quarantined"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_table_rows_total{pipeline="a",schema="public",table="table_00001"})"), 17);
  EXPECT_EQ(number_of(page, R"(luge_table_quarantined{pipeline="a",schema="public",table="table_00001",code="misfit"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_alerts{kind="wal",severity="warning"})"), 2);
  EXPECT_EQ(number_of(page, R"(luge_webhook_failures_total{receiver="team"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_build_info{version="0.1.0"})"), 1);
  EXPECT_GT(number_of(page, "process_resident_memory_bytes"), 1e6);
  EXPECT_FALSE(has_line(page, "luge_breaker_state")) << "no link, nothing said about one";
}

TEST(MetricsPage, WhatIsNotKnownIsAbsent) {
  PipelineReport report;
  report.name = "new";
  report.driver.error = Error{.code = "unreachable", .what = "the source does not answer", .hint = ""};
  const std::string page = page_of({report});
  EXPECT_EQ(number_of(page, R"(pipeline_active{pipeline="new"})"), 0);
  EXPECT_EQ(number_of(page, R"(luge_pipeline_state{pipeline="new",state="starting"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_pipeline_error{pipeline="new",code="unreachable"})"), 1);
  EXPECT_FALSE(has_line(page, "luge_lag_bytes"));
  EXPECT_FALSE(has_line(page, "luge_memory_limit_bytes"));
}

TEST(MetricsPage, TellsOfSnowflakeAndOfCopies) {
  PipelineReport report = sample_pipeline("a", 1);
  DestinationHealth& health = report.health.emplace();
  health.breaker = "open";
  health.retries = 7;
  health.last_error = "refused";
  health.tables[16'384].seconds_behind = 12.5;
  report.driver.copies.push_back({16'384, {"public", "table_00000"}, 1, "copying", 500, 4000, 1000, std::chrono::seconds(5)});
  const std::string page = page_of({report});
  EXPECT_EQ(number_of(page, R"(luge_breaker_state{pipeline="a",state="open"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_breaker_state{pipeline="a",state="closed"})"), 0);
  EXPECT_EQ(number_of(page, R"(luge_destination_failing{pipeline="a"})"), 1);
  EXPECT_EQ(number_of(page, R"(luge_destination_retries_total{pipeline="a"})"), 7);
  EXPECT_EQ(number_of(page, R"(luge_table_behind_seconds{pipeline="a",schema="public",table="table_00000"})"), 12.5);
  EXPECT_EQ(number_of(page, R"(luge_copy_rows{pipeline="a",schema="public",table="table_00000"})"), 500);
  EXPECT_EQ(number_of(page, R"(luge_copy_estimated_rows{pipeline="a",schema="public",table="table_00000"})"), 1000);
}

TEST(MetricsPage, NamesCannotBreakThePage) {
  PipelineReport report = sample_pipeline("a", 3);
  report.driver.pipeline.tables[0].record.name = {"s\"\\", "line\nend"};
  report.driver.pipeline.tables[1].record.name = {"latin1", "caf\xe9"};
  report.driver.pipeline.tables[2].record.name = {"utf8", "caf\xc3\xa9"};
  const std::string page = page_of({report});
  EXPECT_NE(page.find(R"(schema="s\"\\",table="line\\x0aend")"), std::string::npos) << page;
  EXPECT_NE(page.find(R"(table="caf\\xe9")"), std::string::npos);
  EXPECT_NE(page.find("table=\"caf\xc3\xa9\""), std::string::npos);
}

TEST(MetricsPage, NoSampleStandsTwice) {
  PipelineReport report = sample_pipeline("a", 2);
  // The table was dropped and made again.
  report.driver.pipeline.tables[0].record.state = TableState::dropped;
  report.driver.pipeline.tables[1].record.name = report.driver.pipeline.tables[0].record.name;
  const std::string page = page_of({report, sample_pipeline("b", 2)}, {sample_source()});
  std::istringstream lines(page);
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
  EXPECT_EQ(number_of(page, R"(luge_table_state{pipeline="a",schema="public",table="table_00000",state="live"})"), 1);
}

TEST(MetricsPage, TenThousandTablesTakeNoTime) {
  const std::vector<PipelineReport> pipelines{sample_pipeline("a", 10'000)};
  const auto start = std::chrono::steady_clock::now();
  const std::string page = page_of(pipelines);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GT(page.size(), 1'000'000U);
#ifndef LUGE_SANITIZED
  EXPECT_LT(took, std::chrono::milliseconds(400)) << "100 ms on an idle machine";
#endif
  RecordProperty("milliseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

TEST(MetricTable, NamesFollowPrometheusConventions) {
  std::set<std::string_view> names;
  for (const MetricSpec& spec : metric_table()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_EQ(spec.name.ends_with("_total"), spec.type == MetricType::counter) << spec.name;
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    EXPECT_TRUE(spec.help.ends_with('.')) << spec.name;
    EXPECT_EQ(&spec_of(spec.metric), &spec);
  }
}

std::filesystem::path this_file() {
  const std::filesystem::path compiled(__FILE__);
  if (std::filesystem::exists(compiled)) return compiled;
  for (auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path(); directory != directory.parent_path();
       directory = directory.parent_path()) {
    if (std::filesystem::exists(directory / compiled)) return directory / compiled;
  }
  return {};
}

TEST(MetricTable, ThePageIsWhatTheTableSays) {
  const auto source = this_file();
  ASSERT_FALSE(source.empty());
  const auto page = std::filesystem::canonical(source).parent_path().parent_path().parent_path().parent_path() / "docs/reference/metrics.md";
  if (std::getenv("LUGE_UPDATE_PAGES") != nullptr) std::ofstream(page) << metrics_reference();  // NOLINT(concurrency-mt-unsafe)
  std::ifstream file(page);
  ASSERT_TRUE(file) << page;
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), metrics_reference()) << "run this test with LUGE_UPDATE_PAGES=1";
}

}  // namespace
}  // namespace luge
