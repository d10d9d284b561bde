#include "app/serve/alert_keeper.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace luge {
namespace {

class AlertKeeperTest : public ::testing::Test {
 protected:
  AlertKeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "luge-alerts-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~AlertKeeperTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  static KnownAlert alert(const std::string& key) {
    KnownAlert known;
    known.alert.key = key;
    known.told = {"chat"};
    return known;
  }
  std::string directory_;
};

TEST_F(AlertKeeperTest, remembers_for_the_next_process) {
  {
    AlertKeeper keeper(directory_, "sqlite:/a/catalog.db");
    EXPECT_TRUE(keeper.known().empty());
    keeper.keep({alert("wal/shop"), alert("gap/crm")});
    keeper.keep({alert("wal/shop")});
  }
  const AlertKeeper next(directory_, "sqlite:/a/catalog.db");
  ASSERT_EQ(next.known().size(), 1U);
  EXPECT_EQ(next.known()[0].alert.key, "wal/shop");
  EXPECT_EQ(next.known()[0].told, std::vector<std::string>{"chat"});
  EXPECT_TRUE(AlertKeeper(directory_, "postgres://b").known().empty()) << "another catalog";
}

TEST_F(AlertKeeperTest, one_of_two_processes_keeps) {
  AlertKeeper first(directory_, "c");
  first.keep({alert("wal/shop")});
  AlertKeeper second(directory_, "c");
  EXPECT_TRUE(second.known().empty()) << "they are the first one's";
  second.keep({});
  first.keep({alert("wal/shop"), alert("wal/crm")});
  EXPECT_EQ(first.known().size(), 2U);
}

TEST_F(AlertKeeperTest, what_it_cannot_read_or_write_is_no_reason_to_stop) {
  {
    AlertKeeper keeper(directory_, "c");
    keeper.keep({alert("wal/shop")});
  }
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    if (file.path().extension() == ".json") std::ofstream(file.path()) << "{{{";
  }
  EXPECT_TRUE(AlertKeeper(directory_, "c").known().empty());
  AlertKeeper nowhere("/proc/none", "c");
  nowhere.keep({alert("wal/shop")});
  EXPECT_TRUE(nowhere.known().empty());
}

}  // namespace
}  // namespace luge
