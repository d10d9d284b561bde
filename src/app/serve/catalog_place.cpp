#include "app/serve/catalog_place.h"

#include <filesystem>
#include <utility>

#include "app/pipeline_places.h"
#include "app/usage_error.h"
#include "postgres/connection_options.h"
#include "service/catalog/postgres_catalog.h"
#include "service/catalog/postgres_leases.h"
#include "service/catalog/redis_leases.h"
#include "service/catalog/sqlite_catalog.h"
#include "service/catalog/sqlite_leases.h"

namespace luge {

Result<OpenedCatalog> open_catalog(const Options& options, const Environment& environment) {
  constexpr std::string_view kSqlite = "sqlite:";
  OpenedCatalog opened;
  const bool in_postgres = !options.catalog.empty() && !options.catalog.starts_with(kSqlite);
  if (!options.catalog.empty() && options.catalog == kSqlite)
    return usage_error("--catalog sqlite: names no file", "write sqlite:/var/lib/luge/catalog.db");
  if (in_postgres) {
    TRY(const ConnectionOptions place, ConnectionOptions::parse(options.catalog, "catalog"));
    TRY(opened.catalog, PostgresCatalog::open(place));
    opened.leases = std::make_unique<PostgresLeases>(place);
    TRY(const std::string home, state_home(environment));
    opened.directory = home + "/luge";
    return opened;
  }
  std::string path;
  if (options.catalog.empty()) {
    TRY(const std::string home, state_home(environment));
    path = home + "/luge/catalog.db";
  } else {
    path = std::filesystem::absolute(options.catalog.substr(kSqlite.size())).lexically_normal().string();
  }
  opened.directory = std::filesystem::path(path).parent_path().string();
  TRY(opened.catalog, SqliteCatalog::open(path));
  TRY(opened.leases, SqliteLeases::open(path));
  return opened;
}

Status place_leases(OpenedCatalog& opened, const Options& options) {
  if (options.leases.empty()) return ok();
  if (!options.leases.starts_with("redis")) return usage_error("--leases names no Redis", "write redis://HOST:PORT/DATABASE");
  TRY(RedisAddress address, RedisAddress::parse(options.leases));
  opened.leases = std::make_unique<RedisLeases>(std::move(address), "catalog");
  return ok();
}

Result<SecretResolver> open_secrets(const Environment& environment) {
  TRY(CatalogKeyring keyring, CatalogKeyring::load(environment));
  return SecretResolver(std::move(keyring), environment);
}

}  // namespace luge
