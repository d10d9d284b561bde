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

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(DropCommand, SaysAllThatLugeDropNeedsAndNoSecret) {
  const SlotLeftBehind variable = left("postgres://app:${PW}@db/shop");
  EXPECT_EQ(variable.slot, "luge_orders");
  EXPECT_EQ(variable.command,
            R"(PGPASSWORD="${PW}" luge drop --source 'dbname=shop host=db user=app' --to duckdb:/data/shop.duckdb --pipeline orders)");
  EXPECT_EQ(variable.note, "");
  for (const char* conninfo : {"postgres://app:hunter2@db/shop", "host=db password=enc:v1:k1:hunter2"}) {
    const SlotLeftBehind hidden = left(conninfo);
    EXPECT_FALSE(holds(text_of(hidden), "hunter2")) << hidden.command;
    EXPECT_TRUE(holds(hidden.note, "PGPASSWORD")) << hidden.note;
  }
  EXPECT_FALSE(holds(left("host=db", R"({"state": "redis://u:hunter2@cache"})").command, "hunter2"));
  EXPECT_FALSE(holds(left("host=db", R"({"state": "redis://u:hunter/2@cache"})").command, "hunter"));
  EXPECT_TRUE(holds(left("host=db", R"({"state": "sqlite:/s.db"})").command, "--state sqlite:/s.db"));
}

// A shell cannot escape what is in a variable for libpq, which reads ' and \ inside of a setting as its own.
TEST(DropCommand, VariablesOfASourceAreNoPartOfItsText) {
  const std::string command = left("host=${HOST} user=u${N} dbname=shop password='file:/run/my pw'").command;
  EXPECT_TRUE(command.starts_with(R"~(PGHOST="${HOST}" PGPASSWORD="$(cat '/run/my pw')" PGUSER=u"${N}" luge drop --source dbname=shop --to )~"))
      << command;
  EXPECT_TRUE(holds(left("password=${PW}").command, R"(PGPASSWORD="${PW}" luge drop --source postgres:// --to )")) << "nothing is left to say";
  for (const char* nowhere : {"host=db sslpassword=${PW}", "host=db options='-c x=${X}'"}) {
    const SlotLeftBehind without = left(nowhere);
    EXPECT_FALSE(holds(without.command, "${")) << without.command;
    EXPECT_TRUE(holds(without.note, "to --source")) << "libpq has no variable for it, so it is left to people: " << without.note;
  }
  EXPECT_TRUE(holds(left("${SHOP_URL}").command, "--source '${SHOP_URL}'")) << "luge drop reads it itself, as a secret";
  EXPECT_TRUE(holds(left("file:/run/url").command, "--source file:/run/url"));
}

// As a pipeline's options are merged: without it, the command would remove the slot and leave the state where it is.
TEST(DropCommand, AStateMayStandInEveryRow) {
  CatalogContents contents;
  contents.sources["shop"] = {"shop", "host=db", R"({"state": "sqlite:/source.db"})", 1};
  contents.destinations["lake"] = {"lake", "duckdb:/lake.duckdb", "{}", 1};
  contents.destinations["flake"] = {"flake", "snowflake:", R"({"state": "sqlite:/section.db"})", 1};
  PipelineRow row;
  row.name = "orders";
  row.source = "shop";
  row.destination = "lake";
  const auto state = [&] {
    const std::string command = slot_left_behind(row, contents).command;
    const std::size_t at = command.find(" --state ");
    return at == std::string::npos ? "" : command.substr(at + 9);
  };
  EXPECT_EQ(state(), "sqlite:/source.db");
  contents.destinations["lake"].options = R"({"state": "sqlite:/destination.db"})";
  EXPECT_EQ(state(), "sqlite:/destination.db");
  row.options = R"({"state": "file:/run/state"})";
  EXPECT_EQ(state(), R"~("$(cat /run/state)")~");
  row.options = R"({"state": "enc:v1:k1:AAAA"})";
  EXPECT_EQ(state(), "STATE");
  row.options = R"({"state": ""})";
  EXPECT_EQ(state(), "") << "the default, by the pipeline's own word";
  row.options = "{}";
  row.destination = "flake";
  EXPECT_EQ(state(), "sqlite:/source.db") << "a Snowflake's options are its section's";
}

// The command is made to be pasted into a shell.
TEST(DropCommand, NothingInARowIsRunByTheShell) {
  const auto to = [](const std::string& address) {
    const std::string command = left("host=db", "{}", address).command;
    const std::size_t begin = command.find("--to ") + 5;
    return command.substr(begin, command.find(" --pipeline") - begin);
  };
  EXPECT_EQ(to("duckdb:/it's here"), R"('duckdb:/it'\''s here')");
  EXPECT_EQ(to("duckdb:/${A}$(reboot)`reboot`${x:-$(reboot)}\";reboot\nreboot"),
            R"(duckdb:/"${A}"'$(reboot)`reboot`${x:-$(reboot)}";reboot⏎reboot')");
  EXPECT_EQ(to("duckdb:/!!/\\x"), R"('duckdb:/!!/\x')") << "in double quotes, a shell would put its last command there";
  EXPECT_EQ(to("duckdb:/$${A}${B}"), R"('duckdb:/${A}'"${B}")") << "$${ is a literal ${";
  EXPECT_EQ(to(""), "''");
}

}  // namespace
}  // namespace luge
