#include "service/console/console.h"

#include <gtest/gtest.h>

#include "service/admin_view_test_support.h"
#include "service/console/fragments.h"
#include "service/console/html.h"
#include "service/console/line_chart.h"

namespace luge {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class ConsoleTest : public testing::Test {
 protected:
  HttpAnswer get(const std::string& path, std::map<std::string, std::string> query = {}) {
    return console_.answer({"GET", path, std::move(query), {}});
  }

  FakeAdminView view_;
  PipelineHistory history_;
  SystemClock clock_;
  Console console_{view_, history_, clock_, "0.1.0"};
};

TEST_F(ConsoleTest, ListsPipelinesWithTheirStateAndTheirErrors) {
  view_.shown = {sample_pipeline("orders", 3), sample_pipeline("stopped", 1)};
  view_.shown[1].driver.state = "failed";
  view_.shown[1].driver.error = Error{.code = "gap", .what = "changes are missing", .hint = "luge run --on-gap resync"};
  const HttpAnswer answer = get("/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("<a href=\"/pipelines/orders\">orders</a>"), std::string::npos);
  EXPECT_NE(answer.body.find("up to date"), std::string::npos);
  EXPECT_NE(answer.body.find("changes are missing"), std::string::npos);
  EXPECT_NE(answer.body.find("luge run --on-gap resync"), std::string::npos);
  EXPECT_NE(answer.body.find("data-action=\"pause\" data-pipeline=\"orders\""), std::string::npos);
  EXPECT_NE(answer.body.find("data-action=\"resume\" data-pipeline=\"stopped\""), std::string::npos);
}

TEST_F(ConsoleTest, TenThousandTablesArePages) {
  view_.shown = {sample_pipeline("big", 10'000)};
  const HttpAnswer first = get("/pipelines/big");
  EXPECT_EQ(count(first.body, "<tr><td>public.table_"), 100U);
  EXPECT_NE(first.body.find("1 to 100 of 10,000"), std::string::npos);
  EXPECT_LT(first.body.size(), 100'000U);
  const HttpAnswer last = get("/pipelines/big", {{"offset", "9900"}});
  EXPECT_NE(last.body.find("public.table_09999"), std::string::npos);
  const HttpAnswer found = get("/pipelines/big", {{"search", "TABLE_0123"}});
  EXPECT_EQ(count(found.body, "<tr><td>public.table_0123"), 10U);
  EXPECT_EQ(get("/pipelines/big", {{"offset", "-1"}, {"limit", "x"}}).status, 200) << "an address that makes no sense is the first page";
}

TEST_F(ConsoleTest, ShowsCopiesAndWhatLeadsOutOfQuarantine) {
  view_.shown = {sample_pipeline("a", 2)};
  DriverStatus& driver = view_.shown[0].driver;
  driver.pipeline.tables[0].record.state = TableState::copying;
  driver.copies.push_back({16'384, {"public", "table_00000"}, 1, "copying", 500, 4000, 1000, std::chrono::seconds(5)});
  driver.pipeline.tables[1].record.state = TableState::quarantined;
  driver.pipeline.tables[1].record.quarantine = Quarantine{"misfit", "does not fit", "amount", "numeric", {}, "luge resync public.table_00001"};
  const HttpAnswer answer = get("/pipelines/a");
  EXPECT_NE(answer.body.find("<progress max=\"100\" value=\"50\">"), std::string::npos);
  EXPECT_NE(answer.body.find("luge resync public.table_00001"), std::string::npos);
  EXPECT_NE(answer.body.find("data-action=\"resync\" data-pipeline=\"a\" data-schema=\"public\" data-table=\"table_00001\""), std::string::npos);
}

TEST_F(ConsoleTest, NamesAreTextAndNeverMarkup) {
  const std::string evil = "<script>alert('x')</script>\"&";
  view_.shown = {sample_pipeline(evil, 1)};
  PipelineReport& report = view_.shown[0];
  report.source = report.destination = report.mode = report.slot = evil;
  report.driver.error = Error{.code = evil, .what = evil, .hint = evil};
  TableRecord& record = report.driver.pipeline.tables[0].record;
  record.name = {evil, evil};
  record.state = TableState::quarantined;
  record.quarantine = Quarantine{evil, evil, evil, evil, {}, evil};
  SourceReport source;
  source.name = source.reason = evil;
  source.slots.push_back({evil, false, {}, {}, {}, evil});
  view_.shown_sources = {source};
  for (const HttpAnswer& answer : {get("/"), get("/pipelines/" + evil, {{"search", evil}}), get("/pipelines/none" + evil), get("/" + evil)}) {
    EXPECT_EQ(answer.body.find("<script>alert"), std::string::npos);
    EXPECT_EQ(count(answer.body, "<script"), 1U) << "the page's own";
    EXPECT_EQ(count(answer.body, "alert('x')"), 0U);
  }
}

TEST_F(ConsoleTest, SaysWhereAPipelineRunsThatRunsElsewhere) {
  PipelineReport report = sample_pipeline("away", 0);
  report.driver = {};
  report.driver.state = "live";
  report.elsewhere = PipelineReport::Elsewhere{"<b>other</b>/7/abc", 2048, 2.5, 5, 1};
  view_.shown = {report, sample_pipeline("here", 1)};
  const std::string list = get("/").body;
  EXPECT_EQ(count(list, "runs at &lt;b&gt;other&lt;/b&gt;/7/abc"), 1U);
  EXPECT_NE(list.find("2.0 KiB"), std::string::npos);
  EXPECT_NE(list.find("2.5 s behind"), std::string::npos);
  EXPECT_NE(list.find("5 tables, 1 quarantined"), std::string::npos);
  EXPECT_EQ(count(get("/pipelines/here").body, "runs at"), 0U);
  const std::string page = get("/pipelines/away").body;
  EXPECT_NE(page.find("runs at &lt;b&gt;other"), std::string::npos);
  EXPECT_NE(page.find("5 tables, 1 quarantined"), std::string::npos);
  EXPECT_EQ(page.find("<dt>Rows</dt>"), std::string::npos) << "how many there are is not known here";
  EXPECT_EQ(page.find("no tables"), std::string::npos);
  EXPECT_EQ(page.find("<b>other"), std::string::npos);
  view_.shown[0].driver.state = "unknown";
  EXPECT_NE(get("/").body.find("last heard of at &lt;b&gt;other"), std::string::npos);
}

TEST_F(ConsoleTest, ServesItsOwnFilesAndNothingElse) {
  EXPECT_EQ(get("/assets/console.css").type, "text/css; charset=utf-8");
  EXPECT_NE(get("/assets/console.js").body.find("use strict"), std::string::npos);
  EXPECT_EQ(get("/assets/icon.svg").type, "image/svg+xml");
  EXPECT_EQ(get("/assets/../console.css").status, 404);
  EXPECT_EQ(get("/pipelines/none").status, 404);
}

TEST_F(ConsoleTest, ShowsWhatFires) {
  view_.shown_alerts.firing.push_back({"wal/shop", "wal", "critical", "the WAL of shop grows", "luge resume", clock_.wall_now()});
  const HttpAnswer answer = get("/");
  EXPECT_NE(answer.body.find("<div class=\"problem bad\"><b>the WAL of shop grows</b>"), std::string::npos);
  EXPECT_NE(answer.body.find("luge resume"), std::string::npos);
}

TEST_F(ConsoleTest, SaysWhatPipelinesDoAboutAFullDisk) {
  SourceReport source;
  source.name = "shop";
  source.level = SourceReport::Level::warning;
  source.reason = "its WAL grows.";
  source.actions = {"alert", "pause_copies", "larger_batches"};
  view_.shown_sources = {source};
  EXPECT_NE(get("/").body.find("its WAL grows. New tables wait for their first copy. Batches are larger.<"), std::string::npos);
}

TEST_F(ConsoleTest, CountsDownToTheLossOfASlot) {
  SourceReport source;
  source.name = "shop";
  source.level = SourceReport::Level::danger;
  source.slots.push_back({"luge_a", true, 2'000'000, 5'000'000, 200.0, "extended"});
  view_.shown_sources = {source};
  const HttpAnswer answer = get("/");
  EXPECT_NE(answer.body.find("<b class=\"countdown\">3 min 20 s</b>"), std::string::npos);
  EXPECT_NE(answer.body.find("danger"), std::string::npos);
}

TEST(LineChartTest, BreaksWhereNothingIsKnown) {
  const LineChart chart{"Lag", {{30, 1.0}, {20, {}}, {10, 2.0}, {0, 3.0}}, seconds_text};
  const std::string svg = chart.svg();
  EXPECT_EQ(count(svg, "M"), 2U) << svg;
  EXPECT_NE(svg.find("at most 3.0 s"), std::string::npos);
  EXPECT_NE((LineChart{"Lag", {}, seconds_text}.svg().find("no samples yet")), std::string::npos);
}

TEST(HtmlText, IsForPeople) {
  EXPECT_EQ(html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(html(std::string_view("\0", 1)), "\xEF\xBF\xBD");
  EXPECT_EQ(html("caf\xe9"), "caf\xEF\xBF\xBD");
  EXPECT_EQ(url_part("a b/c"), "a%20b%2Fc");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(seconds_text(0.25), "250 ms");
  EXPECT_EQ(seconds_text(200), "3 min 20 s");
  EXPECT_EQ(seconds_text(90'000), "1 d 1 h");
  EXPECT_EQ(row_rate_text(0), "0");
  EXPECT_EQ(row_rate_text(12'345), "12k");
}

}  // namespace
}  // namespace luge
