#include "app/serve/service_view.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

#include "service/catalog/sqlite_catalog.h"
#include "service/catalog/sqlite_database.h"
#include "service/catalog/sqlite_leases.h"

namespace luge {
namespace {

namespace fs = std::filesystem;

/// A process that runs nothing itself.
class ServiceViewTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = (fs::temp_directory_path() / "luge-view-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    catalog_ = *SqliteCatalog::open(directory_ + "/catalog.db");
    leases_ = *SqliteLeases::open(directory_ + "/catalog.db");
    edit({SourceRow{"shop", "host=db.example user=app dbname=shop", "{}", 0}, DestinationRow{"lake", "duckdb:/lake.duckdb", "{}", 0},
          row("orders", "lake", "START")});
    manager_ = std::make_unique<PipelineManager>(
        ManagerOptions{}, *catalog_, *leases_, SecretResolver(CatalogKeyring(), [](const std::string&) -> std::optional<std::string> { return {}; }),
        SpecRules{}, [](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> { return fatal("none", "this process runs nothing"); });
    view_ = std::make_unique<ServiceView>(*catalog_, *manager_, hosts_, monitor_, alerts_, clock_);
  }
  void TearDown() override {
    view_.reset();
    manager_.reset();
    fs::remove_all(directory_);
  }

  static PipelineRow row(const std::string& name, const std::string& destination, const std::string& desired) {
    PipelineRow made;
    made.name = name;
    made.source = "shop";
    made.destination = destination;
    made.desired = desired;
    return made;
  }
  void edit(std::vector<CatalogEdit> edits) {
    const Status edited = catalog_->edit(edits, std::nullopt);
    ASSERT_TRUE(edited) << edited.error().message();
  }
  static StatusRow told(const std::string& state) {
    StatusRow row;
    row.pipeline = "orders";
    row.state = state;
    row.owner = "other/7/abc";
    row.fence = 3;
    row.server = Lsn{5000};
    row.durable = Lsn{3766};
    row.lag_bytes = 1234;
    row.lag_seconds = 2.5;
    row.tables = 5;
    row.quarantined = 1;
    return row;
  }
  void write(const StatusRow& status) { ASSERT_TRUE(catalog_->write_statuses(std::vector{status})); }
  StatusDocument document() const {
    const auto report = view_->pipeline("orders");
    EXPECT_TRUE(report);
    return report ? document_of(*report, clock_.wall_now()) : StatusDocument{};
  }
  std::string desired(const std::string& name) const { return catalog_->read()->pipelines.at(name).desired; }

  std::string directory_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::unique_ptr<SqliteLeases> leases_;
  const SystemClock clock_{};
  RunningHosts hosts_;
  WalMonitor monitor_{WalMonitor::Options{}, clock_, {}};
  AlertManager alerts_{{}, AlertManager::Options{}, clock_};
  std::unique_ptr<PipelineManager> manager_;
  std::unique_ptr<ServiceView> view_;
};

TEST_F(ServiceViewTest, OfPipelinesElsewhereItShowsWhatTheirProcessSays) {
  write(told("live"));
  EXPECT_TRUE(view_->pipelines().empty()) << "none is this process's own";
  ASSERT_EQ(view_->all_pipelines().size(), 1U);
  const StatusDocument shown = document();
  EXPECT_EQ(shown.state, "live");
  EXPECT_EQ(shown.lag_bytes, 1234U);
  EXPECT_EQ(shown.lag_seconds, 2.5);
  EXPECT_EQ(shown.server, to_string(Lsn{5000}));
  EXPECT_EQ(shown.destination, "duckdb:/lake.duckdb");
  const auto summary = nlohmann::json::parse(summary_json(shown));
  EXPECT_EQ(summary.at("elsewhere"), "other/7/abc");
  EXPECT_EQ(summary.at("pid"), 0);
  EXPECT_EQ(summary.at("table_counts"), nlohmann::json({{"quarantined", 1}, {"unknown", 4}}));
}

TEST_F(ServiceViewTest, WhoHasEndedHasNoLag) {
  write(told("failed"));
  const StatusDocument shown = document();
  EXPECT_EQ(shown.state, "failed");
  EXPECT_FALSE(shown.lag_bytes || shown.lag_seconds) << "that was when it ended";
}

TEST_F(ServiceViewTest, WhatNobodyHasConfirmedForLongIsUnknownHereToo) {
  write(told("live"));
  const auto rows = SqliteDatabase::open(directory_ + "/catalog.db");
  ASSERT_TRUE(rows);
  ASSERT_TRUE((*rows)->run("UPDATE pipeline_status SET heartbeat_at = '2020-01-01T00:00:00.000Z'"));
  const StatusDocument shown = document();
  EXPECT_EQ(shown.state, "unknown");
  EXPECT_FALSE(shown.lag_bytes || shown.lag_seconds);
}

TEST_F(ServiceViewTest, ASecondWriterOfAFileIsNotStarted) {
  edit({DestinationRow{"same", "duckdb:/lake.duckdb", "{}", 0}, row("second", "same", "PAUSE")});
  const Status refused = view_->resume("second");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "destination_taken");
  EXPECT_EQ(refused.error().exit_code, ExitCode::usage);
  EXPECT_NE(refused.error().what.find("orders"), std::string::npos) << refused.error().what;
  EXPECT_EQ(desired("second"), "PAUSE");
  EXPECT_TRUE(view_->pause("orders"));
  EXPECT_TRUE(view_->resume("second"));
  EXPECT_EQ(desired("second"), "START");
}

TEST_F(ServiceViewTest, BrokenRowsAreNotStartedButCanBePaused) {
  PipelineRow broken = row("broken", "lake", "START");
  broken.source = "nowhere";
  edit({broken});
  EXPECT_EQ(view_->resume("broken").error().code, "bad_row");
  EXPECT_TRUE(view_->pause("broken"));
  EXPECT_EQ(view_->resume("nobody").error().code, "unknown_pipeline");
}

TEST_F(ServiceViewTest, IsReadyWhenTheCatalogAnswers) { EXPECT_TRUE(view_->ready()); }

}  // namespace
}  // namespace luge
