#include "app/pipeline_places.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "app/option_table.h"

namespace luge {
namespace {

Result<PipelinePlaces> places(const std::string& destination, const std::string& state = "", const std::string& pipeline = "luge") {
  Options options = default_options();
  options.destination = destination;
  options.state = state;
  options.pipeline = pipeline;
  return find_places(options, [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/u";
    return std::nullopt;
  });
}

TEST(PipelinePlaces, BesideTheFile) {
  const auto found = places("duckdb:/data/./x/../shop.duckdb");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->destination.path, "/data/shop.duckdb");
  EXPECT_EQ(found->directory, "/data/shop.duckdb.luge");
  EXPECT_EQ(found->state_path, "/data/shop.duckdb.luge/state.db");
  EXPECT_EQ(found->socket, "/data/shop.duckdb.luge/control.sock");
}

TEST(PipelinePlaces, RelativePathsMeanTheWorkingDirectory) {
  const auto found = places("duckdb:shop.duckdb");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->destination.path, std::filesystem::weakly_canonical(std::filesystem::current_path() / "shop.duckdb").string());
}

TEST(PipelinePlaces, WithoutAFileUnderTheStateHome) { EXPECT_EQ(places("null:", "", "shop")->directory, "/home/u/.local/state/luge/shop"); }

TEST(PipelinePlaces, StateElsewhereLeavesTheSocketWhereItIs) {
  const auto found = places("duckdb:/data/shop.duckdb", "sqlite:/var/lib/luge/s.db");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state_path, "/var/lib/luge/s.db");
  EXPECT_EQ(found->socket, "/data/shop.duckdb.luge/control.sock");
}

TEST(PipelinePlaces, MistakesAreUsageErrors) {
  EXPECT_NE(places("").error().hint.find("duckdb:"), std::string::npos);
  EXPECT_NE(places("shop.duckdb").error().hint.find("duckdb:shop.duckdb"), std::string::npos);
  for (const char* wrong : {"duckdb:", "duckdb::memory:", "null:x", "mysql:x"}) EXPECT_EQ(places(wrong).error().exit_code, ExitCode::usage) << wrong;
  for (const char* wrong : {"sqlite:", "x", "redis://", "redis://h?what=1"}) {
    const auto found = places("null:", wrong);
    EXPECT_TRUE(!found && found.error().exit_code == ExitCode::usage) << wrong;
  }
  EXPECT_TRUE(places("null:", "redis://h"));
  for (const char* wrong : {"", "A", "1a", "a-b", "a b"}) EXPECT_EQ(places("null:", "", wrong).error().exit_code, ExitCode::usage) << wrong;
}

}  // namespace
}  // namespace luge
