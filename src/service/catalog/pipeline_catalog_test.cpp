#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

#include "conformance/pipeline_catalog_conformance.h"
#include "conformance/pipeline_leases_conformance.h"
#include "service/catalog/postgres_catalog.h"
#include "service/catalog/postgres_leases.h"
#include "service/catalog/redis_leases.h"
#include "service/catalog/sqlite_catalog.h"
#include "service/catalog/sqlite_database.h"
#include "service/catalog/sqlite_leases.h"
#include "support/temp_postgres.h"
#include "support/temp_redis.h"

namespace luge {
namespace {

namespace fs = std::filesystem;

/// A file in a directory of the test's own, gone with the process.
std::string new_file() {
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
  return path + "/catalog.db";
}

std::string new_database() { return TempPostgres::shared().create_database(); }

Result<std::unique_ptr<PipelineCatalog>> open_sqlite(const std::string& path) {
  TRY(std::unique_ptr<PipelineCatalog> catalog, SqliteCatalog::open(path));
  return catalog;
}

Result<std::unique_ptr<PipelineCatalog>> open_postgres(const std::string& database) {
  TRY(std::unique_ptr<PipelineCatalog> catalog, PostgresCatalog::open(TempPostgres::shared().options(database)));
  return catalog;
}

void run_in_sqlite(const std::string& path, const std::string& statements) {
  const auto database = SqliteDatabase::open(path);
  ASSERT_TRUE(database) << database.error().message();
  const Status ran = (*database)->run(statements);
  ASSERT_TRUE(ran) << ran.error().message();
}

void run_in_postgres(const std::string& database, const std::string& statements) { TempPostgres::shared().run(statements, database); }

INSTANTIATE_TEST_SUITE_P(Sqlite, PipelineCatalogConformance,
                         testing::Values(PipelineCatalogQuirks{"sqlite", "", new_file, open_sqlite, run_in_sqlite}));
INSTANTIATE_TEST_SUITE_P(Postgres, PipelineCatalogConformance,
                         testing::Values(PipelineCatalogQuirks{"postgres", "_luge.", new_database, open_postgres, run_in_postgres}));

// Leases lie in the catalog, which makes their tables.

std::string new_sqlite_catalog() {
  const std::string path = new_file();
  EXPECT_TRUE(open_sqlite(path));
  return path;
}

std::string new_postgres_catalog() {
  const std::string database = new_database();
  EXPECT_TRUE(open_postgres(database));
  return database;
}

std::unique_ptr<PipelineLeases> sqlite_leases(const std::string& path) {
  auto leases = SqliteLeases::open(path);
  EXPECT_TRUE(leases) << leases.error().message();
  return leases ? *std::move(leases) : nullptr;
}

std::unique_ptr<PipelineLeases> postgres_leases(const std::string& database) {
  return std::make_unique<PostgresLeases>(TempPostgres::shared().options(database));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, PipelineLeasesConformance, testing::Values(PipelineLeasesQuirks{"sqlite", new_sqlite_catalog, sqlite_leases}));
INSTANTIATE_TEST_SUITE_P(Postgres, PipelineLeasesConformance,
                         testing::Values(PipelineLeasesQuirks{"postgres", new_postgres_catalog, postgres_leases}));

/// In Redis they need no catalog: a scope of their own each time.
std::string new_scope() {
  static int number = 0;
  return "test" + std::to_string(++number);
}

std::unique_ptr<PipelineLeases> redis_leases(const std::string& scope) {
  const auto address = RedisAddress::parse(TempRedis::shared().url());
  EXPECT_TRUE(address);
  return std::make_unique<RedisLeases>(*address, scope);
}

INSTANTIATE_TEST_SUITE_P(Redis, PipelineLeasesConformance, testing::Values(PipelineLeasesQuirks{"redis", new_scope, redis_leases}));

}  // namespace
}  // namespace luge
