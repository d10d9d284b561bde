#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "service/catalog/pipeline_catalog.h"
#include "service/catalog/pipeline_spec.h"

namespace luge {

/// How one kind of PipelineCatalog is made for the suite. Each call of `open` is another process's view of the place; `sql` is an operator's
/// own session, and `prefix` stands before the names of tables there.
struct PipelineCatalogQuirks {
  std::string name;
  std::string prefix;
  std::function<std::string()> new_place;
  std::function<Result<std::unique_ptr<PipelineCatalog>>(const std::string& place)> open;
  std::function<void(const std::string& place, const std::string& statements)> sql;
};

/// What every PipelineCatalog must do.
class PipelineCatalogConformance : public testing::TestWithParam<PipelineCatalogQuirks> {
 protected:
  using Clock = std::chrono::steady_clock;

  std::unique_ptr<PipelineCatalog> open() {
    auto catalog = GetParam().open(place_);
    EXPECT_TRUE(catalog) << catalog.error().message();
    return catalog ? std::move(*catalog) : nullptr;
  }
  void sql(const std::string& statements) { GetParam().sql(place_, statements); }
  std::string table(const std::string& name) { return GetParam().prefix + name; }

  static SourceRow source(const std::string& name = "shop") { return {name, "host=db user=app password=${SHOP_PASSWORD} dbname=shop", "{}", 0}; }
  static DestinationRow destination(const std::string& name = "mirror") { return {name, "duckdb:shop.duckdb", R"({"memory": "1GB"})", 0}; }
  static PipelineRow pipeline(const std::string& name = "orders") {
    PipelineRow row;
    row.name = name;
    row.source = "shop";
    row.destination = "mirror";
    row.tables = "public.*,!public.audit_*";
    row.batch_max_size = 5000;
    row.options = R"({"on_gap": "resync"})";
    return row;
  }
  static Status edit(PipelineCatalog& catalog, std::vector<CatalogEdit> edits, std::optional<std::int64_t> expected = std::nullopt) {
    return catalog.edit(edits, expected);
  }
  static CatalogContents read(PipelineCatalog& catalog) {
    auto contents = catalog.read();
    EXPECT_TRUE(contents) << contents.error().message();
    return contents ? *std::move(contents) : CatalogContents{};
  }
  static std::string code(const Status& status) { return status ? "" : status.error().code; }
  static std::string problem(const CatalogContents& contents, const std::string& name) {
    const auto found = contents.pipelines.find(name);
    if (found == contents.pipelines.end()) return "not there";
    const auto spec = read_spec(found->second, contents, {});
    return spec ? "" : spec.error().code;
  }
  static StatusRow status(const std::string& pipeline, std::int64_t fence, const std::string& state = "live") {
    StatusRow row;
    row.pipeline = pipeline;
    row.state = state;
    row.owner = "host-1";
    row.fence = fence;
    return row;
  }

  const std::string place_ = GetParam().new_place();
};

TEST_P(PipelineCatalogConformance, IsEmptyAtFirstAndKeepsEveryField) {
  auto catalog = open();
  const CatalogContents before = read(*catalog);
  EXPECT_TRUE(before.pipelines.empty());
  ASSERT_EQ(code(edit(*catalog, {source(), destination(), pipeline()})), "");
  catalog = open();  // another process reads the same
  const CatalogContents contents = read(*catalog);
  EXPECT_GT(contents.revision, before.revision);
  ASSERT_EQ(contents.pipelines.size(), 1U);
  const PipelineRow& row = contents.pipelines.at("orders");
  EXPECT_EQ(row.source, "shop");
  EXPECT_EQ(row.destination, "mirror");
  EXPECT_EQ(row.tables, "public.*,!public.audit_*");
  EXPECT_EQ(row.mode, "mirror");
  EXPECT_EQ(row.batch_max_size, 5000);
  EXPECT_EQ(row.batch_max_fill_ms, std::nullopt);
  EXPECT_EQ(row.desired, "START");
  EXPECT_EQ(contents.sources.at("shop").conninfo, source().conninfo);
  EXPECT_EQ(contents.destinations.at("mirror").address, "duckdb:shop.duckdb");
  EXPECT_EQ(problem(contents, "orders"), "");
}

TEST_P(PipelineCatalogConformance, AnEditIsMadeWholeOrNotAtAll) {
  auto catalog = open();
  EXPECT_EQ(code(edit(*catalog, {source(), RemoveRow{RowKind::pipeline, "nobody"}})), "unknown_row");
  EXPECT_TRUE(read(*catalog).sources.empty());
  EXPECT_EQ(code(edit(*catalog, {SetDesired{"nobody", "PAUSE"}})), "unknown_row");
}

TEST_P(PipelineCatalogConformance, AnEditIsRefusedWhenSomebodyWasFaster) {
  auto catalog = open();
  const std::int64_t seen = read(*catalog).revision;
  ASSERT_EQ(code(edit(*catalog, {source()}, seen)), "");
  EXPECT_EQ(code(edit(*catalog, {destination()}, seen)), "catalog_changed");
  EXPECT_EQ(code(edit(*catalog, {destination()}, read(*catalog).revision)), "");
}

TEST_P(PipelineCatalogConformance, WhatIsUsedIsNotRemoved) {
  auto catalog = open();
  ASSERT_EQ(code(edit(*catalog, {source(), destination(), pipeline()})), "");
  EXPECT_EQ(code(edit(*catalog, {RemoveRow{RowKind::source, "shop"}})), "in_use");
  EXPECT_EQ(code(edit(*catalog, {RemoveRow{RowKind::pipeline, "orders"}, RemoveRow{RowKind::source, "shop"}})), "");
  EXPECT_TRUE(read(*catalog).sources.empty());
}

TEST_P(PipelineCatalogConformance, PlainSecretsAreRefusedAndNeverStored) {
  auto catalog = open();
  SourceRow plain = source();
  plain.conninfo = "postgres://app:hunter2@db/shop";
  const Status refused = edit(*catalog, {plain});
  EXPECT_EQ(code(refused), "plain_secret");
  EXPECT_EQ(refused.error().message().find("hunter2"), std::string::npos);
  DestinationRow token = destination();
  token.options = R"({"pat": "hunter2"})";
  EXPECT_EQ(code(edit(*catalog, {token})), "plain_secret");
  EXPECT_TRUE(read(*catalog).sources.empty());
}

TEST_P(PipelineCatalogConformance, VersionsGrowWithEveryWriteOfARow) {
  auto catalog = open();
  ASSERT_EQ(code(edit(*catalog, {source(), destination(), pipeline(), pipeline("other")})), "");
  const CatalogContents before = read(*catalog);
  sql("UPDATE " + table("pipeline") + " SET desired = 'START' WHERE name = 'orders'");  // written again, without a change
  const CatalogContents after = read(*catalog);
  EXPECT_GT(after.pipelines.at("orders").version, before.pipelines.at("orders").version);
  EXPECT_EQ(after.pipelines.at("other").version, before.pipelines.at("other").version);
  sql("DELETE FROM " + table("pipeline") + " WHERE name = 'orders'");
  ASSERT_EQ(code(edit(*catalog, {pipeline()})), "");
  EXPECT_GT(read(*catalog).pipelines.at("orders").version, after.pipelines.at("orders").version);
}

TEST_P(PipelineCatalogConformance, AChangeByAnybodyIsNoticedWithinASecond) {
  auto catalog = open();
  ASSERT_EQ(code(edit(*catalog, {source(), destination(), pipeline()})), "");
  for (const std::string& statement : {"UPDATE " + table("pipeline") + " SET desired = 'PAUSE'", "DELETE FROM " + table("pipeline"),
                                       "INSERT INTO " + table("destination") + "(name, address) VALUES ('second', 'null:')"}) {
    const std::int64_t known = read(*catalog).revision;
    const std::jthread operator_session([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      sql(statement);
    });
    const auto begin = Clock::now();
    const auto revision = catalog->await_change(known, std::chrono::seconds(20), {});
    ASSERT_TRUE(revision) << revision.error().message();
    EXPECT_GT(*revision, known) << statement;
    EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(1100)) << statement;
  }
}

TEST_P(PipelineCatalogConformance, WaitingEndsInTimeAndWhenItIsStopped) {
  auto catalog = open();
  const std::int64_t known = read(*catalog).revision;
  EXPECT_EQ(*catalog->await_change(known - 1, std::chrono::seconds(20), {}), known);
  auto begin = Clock::now();
  EXPECT_EQ(*catalog->await_change(known, std::chrono::milliseconds(300), {}), known);
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(290));
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  begin = Clock::now();
  EXPECT_EQ(*catalog->await_change(known, std::chrono::seconds(20), stop.get_token()), known);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("orders", 1)})), "");
  EXPECT_EQ(read(*catalog).revision, known) << "what luge writes is no change of the operator's rows";
}

TEST_P(PipelineCatalogConformance, MalformedRowsAreReadAndEachIsRefusedByItself) {
  auto catalog = open();
  ASSERT_EQ(code(edit(*catalog, {source(), destination(), pipeline("good")})), "");
  const std::string huge(10'000'000, 'x');
  const std::string columns =
      "INSERT INTO " + table("pipeline") + "(name, source, destination, tables, mode, desired, batch_max_size, options) VALUES ";
  sql(columns + "('bad_desired', 'shop', 'mirror', '', 'mirror', 'RUN', NULL, '{}')");
  sql(columns + "('no_source', 'nobody', 'mirror', '', 'mirror', 'START', NULL, '{}')");
  sql(columns + "('no_destination', 'shop', 'nobody', '', 'mirror', 'START', NULL, '{}')");
  sql(columns + "('bad_mode', 'shop', 'mirror', '', 'copy', 'START', NULL, '{}')");
  sql(columns + "('bad_number', 'shop', 'mirror', '', 'mirror', 'START', -1, '{}')");
  sql(columns + "('bad_options', 'shop', 'mirror', '', 'mirror', 'START', NULL, '[1, 2]')");
  sql(columns + "('nested', 'shop', 'mirror', '', 'mirror', 'START', NULL, '{\"tables\": [[1]]}')");
  sql(columns + "('plain', 'shop', 'mirror', '', 'mirror', 'START', NULL, '{\"token\": \"hunter2\"}')");
  sql(columns + "('huge_tables', 'shop', 'mirror', '" + huge + "', 'mirror', 'START', NULL, '{}')");
  sql(columns + "('huge_desired', 'shop', 'mirror', '', 'mirror', '" + huge + "', NULL, '{}')");
  sql(columns + "('huge_options', 'shop', 'mirror', '', 'mirror', 'START', NULL, '{\"a\": \"" + huge + "\"}')");
  sql(columns + "('x''; DROP TABLE " + table("pipeline") + "; --', 'shop', 'mirror', '', 'mirror', 'START', NULL, '{}')");
  sql(columns + "('', 'shop', 'mirror', '', 'mirror', 'START', NULL, '{}')");
  sql("INSERT INTO " + table("source") + "(name, conninfo) VALUES ('plain_source', 'host=db password=hunter2'), ('no_conninfo', 'what is this')");
  sql(columns + "('plain_password', 'plain_source', 'mirror', '', 'mirror', 'START', NULL, '{}')");
  sql(columns + "('no_conninfo', 'no_conninfo', 'mirror', '', 'mirror', 'START', NULL, '{}')");

  const CatalogContents contents = read(*catalog);
  EXPECT_EQ(problem(contents, "good"), "");
  EXPECT_EQ(problem(contents, "bad_desired"), "bad_desired");
  EXPECT_EQ(problem(contents, "no_source"), "unknown_source");
  EXPECT_EQ(problem(contents, "no_destination"), "unknown_destination");
  EXPECT_EQ(problem(contents, "bad_mode"), "bad_mode");
  EXPECT_EQ(problem(contents, "bad_number"), "bad_number");
  EXPECT_EQ(problem(contents, "bad_options"), "bad_options");
  EXPECT_EQ(problem(contents, "nested"), "bad_options");
  EXPECT_EQ(problem(contents, "plain"), "plain_secret");
  EXPECT_EQ(problem(contents, "huge_tables"), "too_long");
  EXPECT_EQ(problem(contents, "huge_desired"), "bad_desired");
  EXPECT_EQ(problem(contents, "huge_options"), "too_long");
  EXPECT_EQ(problem(contents, "x'; DROP TABLE " + table("pipeline") + "; --"), "bad_name");
  EXPECT_EQ(problem(contents, ""), "bad_name");
  EXPECT_EQ(problem(contents, "plain_password"), "plain_secret");
  EXPECT_EQ(problem(contents, "no_conninfo"), "bad_conninfo");
  EXPECT_LT(contents.pipelines.at("huge_tables").tables.size(), 100'000U) << "what is too long is not carried about";
  ASSERT_EQ(code(edit(*catalog, {SetDesired{"x'; DROP TABLE " + table("pipeline") + "; --", "PAUSE"}})), "");
  EXPECT_EQ(read(*catalog).pipelines.size(), 16U);
}

TEST_P(PipelineCatalogConformance, StatusesKeepEveryFieldAndTheNewestOwnersWord) {
  auto catalog = open();
  StatusRow full = status("orders", 7);
  full.reason = "desired is START";
  full.error_code = "gap";
  full.error = "it's \"here\"\nå";
  full.hint = "luge resync";
  full.server = Lsn{0x16'B374D848};
  full.received = Lsn{0x16'B374D840};
  full.durable = Lsn{0x15'00000001};
  full.lag_bytes = 12345678901;
  full.lag_seconds = 0.25;
  full.tables = 10'000;
  full.quarantined = 2;
  full.restarts = 3;
  ASSERT_EQ(code(catalog->write_statuses(std::vector{full, status("paused", 0, "paused")})), "");
  auto rows = catalog->read_statuses();
  ASSERT_TRUE(rows) << rows.error().message();
  ASSERT_EQ(rows->size(), 2U);
  const StatusRow& read = rows->front();
  EXPECT_EQ(read.pipeline, "orders");
  EXPECT_EQ(read.state, "live");
  EXPECT_EQ(read.reason, full.reason);
  EXPECT_EQ(read.error_code, "gap");
  EXPECT_EQ(read.error, full.error);
  EXPECT_EQ(read.hint, full.hint);
  EXPECT_EQ(read.server, full.server);
  EXPECT_EQ(read.received, full.received);
  EXPECT_EQ(read.durable, full.durable);
  EXPECT_TRUE(read.acknowledged.is_zero());
  EXPECT_EQ(read.lag_bytes, full.lag_bytes);
  EXPECT_EQ(read.lag_seconds, full.lag_seconds);
  EXPECT_EQ(read.tables, 10'000U);
  EXPECT_EQ(read.quarantined, 2U);
  EXPECT_EQ(read.restarts, 3U);
  EXPECT_EQ(read.owner, "host-1");
  EXPECT_EQ(read.fence, 7);
  EXPECT_EQ(read.heartbeat_at.size(), std::string("2026-11-29T19:00:00.000Z").size()) << read.heartbeat_at;
  EXPECT_EQ(rows->back().lag_bytes, std::nullopt);

  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("orders", 6, "failed")})), "");
  EXPECT_EQ(catalog->read_statuses()->front().state, "live") << "a zombie's word does not count";
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("orders", 8, "copying")})), "");
  EXPECT_EQ(catalog->read_statuses()->front().state, "copying");
}

TEST_P(PipelineCatalogConformance, WhatNobodyConfirmsAnyMoreIsOverwrittenWhateverItsFence) {
  auto catalog = open();
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("orders", 7), status("other", 7)})), "");
  sql("UPDATE " + table("pipeline_status") + " SET heartbeat_at = '2020-01-01T00:00:00.000Z' WHERE pipeline = 'orders'");
  // The leases are kept somewhere else now, and count from 1.
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("orders", 1, "copying"), status("other", 1, "copying")})), "");
  const auto rows = catalog->read_statuses();
  ASSERT_TRUE(rows) << rows.error().message();
  EXPECT_EQ(rows->front().state, "copying");
  EXPECT_EQ(rows->front().fence, 1);
  EXPECT_EQ(rows->back().state, "live") << "somebody spoke for it a moment ago";
}

TEST_P(PipelineCatalogConformance, OneKeyTwiceKeepsTheOthersFromNothing) {
  auto catalog = open();
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("same", 1), status("other", 1), status("same", 1)})), "");
  EXPECT_EQ(catalog->read_statuses()->size(), 2U);
}

TEST_P(PipelineCatalogConformance, StatusesOfPipelinesThatAreGoneAreForgotten) {
  auto catalog = open();
  ASSERT_EQ(code(catalog->write_statuses(std::vector{status("a", 1), status("b'; --", 1), status("c", 1)})), "");
  ASSERT_EQ(code(catalog->keep_statuses(std::vector<std::string>{"b'; --", "never"})), "");
  const auto rows = catalog->read_statuses();
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().pipeline, "b'; --");
  ASSERT_EQ(code(catalog->keep_statuses({})), "");
  EXPECT_TRUE(catalog->read_statuses()->empty());
}

TEST_P(PipelineCatalogConformance, AlertsAreKeptAndChangeNoRevision) {
  auto catalog = open();
  const std::int64_t revision = catalog->read()->revision;
  ASSERT_EQ(code(catalog->write_alerts(std::vector<AlertRow>{{"b'; --", "wal/b", R"([{"n": "\u00e9"}])"}, {"a", "pipeline/a", "[]"}}, {})), "");
  ASSERT_EQ(code(catalog->write_alerts(std::vector<AlertRow>{{"a", "pipeline/a", "[1]"}}, std::vector<std::string>{"never"})), "");
  auto rows = catalog->read_alerts();
  ASSERT_TRUE(rows) << rows.error().message();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ(rows->at(0).key, "a");
  EXPECT_EQ(rows->at(0).scope, "pipeline/a");
  EXPECT_EQ(rows->at(0).document, "[1]");
  EXPECT_EQ(rows->at(1).document, R"([{"n": "\u00e9"}])") << "as it was written";
  ASSERT_EQ(code(catalog->write_alerts({}, std::vector<std::string>{"b'; --"})), "");
  EXPECT_EQ(catalog->read_alerts()->size(), 1U);
  EXPECT_EQ(catalog->read()->revision, revision) << "nobody has to look at the pipelines";
}

TEST_P(PipelineCatalogConformance, SeveralProcessesMayOpenAnEmptyPlaceAtOnce) {
  std::vector<std::jthread> processes;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    processes.emplace_back([&] {
      const auto catalog = GetParam().open(place_);
      if (catalog && (*catalog)->read()) ++good;
      EXPECT_TRUE(catalog) << catalog.error().message();
    });
  }
  processes.clear();
  EXPECT_EQ(good.load(), 4);
}

TEST_P(PipelineCatalogConformance, ACatalogOfALaterLugeIsRefused) {
  open();
  sql("INSERT INTO " + table("catalog_migration") + "(version, name, applied_at) VALUES (1000, 'later', '2030-01-01')");
  const auto refused = GetParam().open(place_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "catalog_newer");
}

}  // namespace luge
