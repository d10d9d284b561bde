#include "app/drop_command.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

SlotLeftBehind left(const std::string& conninfo, const std::string& options = "{}", const std::string& address = "duckdb:/data/shop.duckdb") {
  CatalogContents contents;
  contents.sources["shop"] = {"shop", conninfo, "{}", 1};
  contents.destinations["lake"] = {"lake", address, "{}", 1};
  PipelineRow row;
  row.name = "orders";
  row.source = "shop";
  row.destination = "lake";
  row.options = options;
  return slot_left_behind(row, contents);
}

TEST(DropCommand, SaysAllThatLugeDropNeedsAndNoSecret) {
  const SlotLeftBehind variable = left("postgres://app:${PW}@db/shop");
  EXPECT_EQ(variable.slot, "luge_orders");
  EXPECT_NE(variable.command.find("password='${PW}'"), std::string::npos) << variable.command;
  EXPECT_NE(variable.command.find(" --to duckdb:/data/shop.duckdb --pipeline orders"), std::string::npos) << variable.command;
  EXPECT_NE(variable.command.find("--source \""), std::string::npos) << "the shell fills in the variable: " << variable.command;
  EXPECT_EQ(variable.password, "");
  for (const char* conninfo : {"postgres://app:hunter2@db/shop", "host=db password=enc:v1:k1:hunter2"}) {
    const SlotLeftBehind hidden = left(conninfo);
    EXPECT_EQ(text_of(hidden).find("hunter2"), std::string::npos) << hidden.command;
    EXPECT_NE(hidden.password.find("PGPASSWORD"), std::string::npos);
  }
  EXPECT_EQ(left("host=db", R"({"state": "redis://u:hunter2@cache"})").command.find("hunter2"), std::string::npos);
  EXPECT_NE(left("host=db", R"({"state": "sqlite:/s.db"})").command.find("--state sqlite:/s.db"), std::string::npos);
  EXPECT_NE(left("host=db", "{}", "duckdb:/it's here").command.find("\"duckdb:/it's here\""), std::string::npos);
}

// The command is made to be pasted into a shell.
TEST(DropCommand, NothingInARowIsRunByTheShell) {
  const std::string command = left("host=db", "{}", "duckdb:/${A}$(reboot)`reboot`${x:-$(reboot)}\";reboot\nreboot").command;
  EXPECT_NE(command.find(R"("duckdb:/${A}\$(reboot)\`reboot\`\${x:-\$(reboot)}\";reboot⏎reboot")"), std::string::npos) << command;
}

}  // namespace
}  // namespace luge
