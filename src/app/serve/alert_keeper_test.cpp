#include "app/serve/alert_keeper.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "service/catalog/sqlite_catalog.h"

namespace luge {
namespace {

class AlertKeeperTest : public ::testing::Test {
 protected:
  AlertKeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "luge-alerts-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    catalog_ = *SqliteCatalog::open(directory_ + "/catalog.db");
  }
  ~AlertKeeperTest() override {
    catalog_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  static KnownAlert alert(const std::string& key, const std::string& scope, std::vector<std::string> told = {"chat"}) {
    KnownAlert known;
    known.alert.key = key;
    known.scope = scope;
    known.told = std::move(told);
    return known;
  }
  std::vector<std::string> kept_keys() {
    std::vector<std::string> keys;
    const auto rows = catalog_->read_alerts();
    for (const AlertRow& row : *rows) keys.push_back(row.key);
    return keys;
  }
  using Keys = std::vector<std::string>;

  std::string directory_;
  std::unique_ptr<PipelineCatalog> catalog_;
};

TEST_F(AlertKeeperTest, remembers_for_the_next_process) {
  AlertKeeper keeper(*catalog_);
  EXPECT_TRUE(keeper.read_others()->empty());
  keeper.keep({alert("wal/shop", "wal/shop"), alert("gap/crm", "pipeline/crm")});
  keeper.keep({alert("wal/shop", "wal/shop", {"chat", "pager"})});
  const auto known = AlertKeeper(*catalog_).read_others();
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(known->at(0).alert.key, "wal/shop");
  EXPECT_EQ(known->at(0).scope, "wal/shop");
  EXPECT_EQ(known->at(0).told, (Keys{"chat", "pager"}));
  keeper.keep({alert("service/web-1", std::string(AlertKeeper::kNotKept))});
  EXPECT_TRUE(kept_keys().empty());
}

TEST_F(AlertKeeperTest, removes_only_what_it_has_taken) {
  AlertKeeper before(*catalog_);
  before.keep({alert("gap/crm", "pipeline/crm"), alert("gap/app", "pipeline/app")});
  AlertKeeper next(*catalog_);
  next.keep({});
  EXPECT_EQ(kept_keys(), (Keys{"gap/app", "gap/crm"})) << "they may be another process's";
  next.take({alert("gap/crm", "pipeline/crm")});
  next.keep({});
  EXPECT_EQ(kept_keys(), Keys{"gap/app"});
}

TEST_F(AlertKeeperTest, what_another_process_keeps_stays) {
  AlertKeeper keeper(*catalog_);
  keeper.keep({alert("gap/crm", "pipeline/crm"), alert("gap/app", "pipeline/app")});
  keeper.leave("pipeline/crm");
  keeper.keep({});
  EXPECT_EQ(kept_keys(), Keys{"gap/crm"});
}

TEST_F(AlertKeeperTest, what_nobody_can_read_is_left_out) {
  ASSERT_TRUE(catalog_->write_alerts(std::vector<AlertRow>{{"a", "wal/a", "{{{"}}, {}));
  EXPECT_TRUE(AlertKeeper(*catalog_).read_others()->empty());
}

}  // namespace
}  // namespace luge
