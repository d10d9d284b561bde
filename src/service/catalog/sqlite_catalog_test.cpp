#include "service/catalog/sqlite_catalog.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/catalog/catalog_migration.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/sqlite_database.h"
#include "service/catalog/sqlite_leases.h"
#include "support/file_locks.h"

namespace luge {
namespace {

namespace fs = std::filesystem;

/// A directory of the test's own, gone with the process.
std::string new_directory() {
  struct Directories {
    std::vector<std::string> paths;
    ~Directories() {
      for (const auto& path : paths) fs::remove_all(path);
    }
  };
  static Directories all;
  std::string path = (fs::temp_directory_path() / "luge-catalog-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) ADD_FAILURE() << "mkdtemp failed";
  all.paths.push_back(path);
  return path;
}

std::string new_place() { return new_directory() + "/catalog.db"; }

void run_sql(const std::string& path, const std::string& statements) {
  const auto database = SqliteDatabase::open(path);
  ASSERT_TRUE(database) << database.error().message();
  const Status ran = (*database)->run(statements);
  ASSERT_TRUE(ran) << ran.error().message();
}

// Without its locks a file's journal is deleted under it by the next process that comes and goes, and what is written later is never seen.
TEST(SqliteCatalog, ASecondConnectionOfTheProcessLeavesTheFirstItsLocks) {
  const std::string path = new_place();
  const auto first = SqliteCatalog::open(path);
  ASSERT_TRUE(first);
  ASSERT_TRUE(is_locked_by_us(path));
  const auto second = SqliteLeases::open(path);
  ASSERT_TRUE(second);
  EXPECT_TRUE(is_locked_by_us(path));
}

TEST(SqliteCatalog, FileAndDirectoryAreTheOwnersOnly) {
  const std::string base = new_directory();
  ASSERT_TRUE(SqliteCatalog::open(base + "/a/catalog.db"));
  struct stat facts {};
  ASSERT_EQ(::stat((base + "/a").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0700U);
  ASSERT_EQ(::stat((base + "/a/catalog.db").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
}

TEST(SqliteCatalog, SomebodyElsesDatabaseStaysAsItIs) {
  const std::string path = new_place();
  EXPECT_FALSE(*SqliteCatalog::is_there(path));
  EXPECT_FALSE(std::filesystem::exists(path)) << "looking made the file";
  run_sql(path, "PRAGMA journal_mode=DELETE; CREATE TABLE invoices(id INTEGER)");
  std::ifstream before_file(path, std::ios::binary);
  const std::string before((std::istreambuf_iterator<char>(before_file)), {});
  EXPECT_EQ(SqliteCatalog::is_there(path).error().code, "not_a_catalog");
  const auto refused = SqliteCatalog::open(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "not_a_catalog");
  std::ifstream after_file(path, std::ios::binary);
  EXPECT_EQ(before, std::string((std::istreambuf_iterator<char>(after_file)), {}));
}

TEST(SqliteCatalog, WhatIsNotSqliteIsCorrupt) {
  const std::string path = new_place();
  std::ofstream(path) << std::string(4096, 'x');
  const auto refused = SqliteCatalog::open(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "catalog_corrupt");
}

TEST(SqliteCatalog, AnOldCatalogIsBroughtUpToDateWithItsRows) {
  const std::string path = new_place();
  const CatalogMigration& first = sqlite_migrations().front();
  run_sql(path, "CREATE TABLE catalog_migration(version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT;" + first.sql +
                    "INSERT INTO catalog_migration VALUES (1, 'catalog', datetime('now'));"
                    "INSERT INTO source(name, conninfo) VALUES ('shop', 'service=shop');");
  const auto catalog = SqliteCatalog::open(path);
  ASSERT_TRUE(catalog) << catalog.error().message();
  EXPECT_EQ((*catalog)->read()->sources.at("shop").conninfo, "service=shop");
  const auto leases = SqliteLeases::open(path);
  EXPECT_TRUE((*leases)->renew("a", std::chrono::seconds(1), true)) << "the second migration made their tables";
}

TEST(SqliteCatalog, NamesOfTenMegabytesAndOfNoCharactersAreRefusedOneByOne) {
  const std::string path = new_place();
  const auto catalog = SqliteCatalog::open(path);
  ASSERT_TRUE(catalog);
  const std::string columns = "INSERT INTO pipeline(name, source, destination) VALUES ";
  run_sql(path, columns + "('" + std::string(10'000'000, 'n') + "', 's', 'd')");
  run_sql(path, columns + "(CAST(x'ff00fe' AS TEXT), 's', 'd')");
  run_sql(path, columns + "(CAST(x'6f7264657273006f' AS TEXT), 's', 'd')");  // orders, NUL, o
  run_sql(path, columns + "('orders', 's', 'd')");
  const auto contents = (*catalog)->read();
  ASSERT_TRUE(contents);
  ASSERT_EQ(contents->pipelines.size(), 4U) << "none is taken for another one";
  for (const auto& [name, row] : contents->pipelines) {
    const auto spec = read_spec(row, *contents, {});
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, name == "orders" ? "unknown_source" : "bad_name");
    EXPECT_LE(status_key(name).size(), 100U);
    EXPECT_LT(spec.error().message().size(), 1000U);
  }
}

}  // namespace
}  // namespace luge
