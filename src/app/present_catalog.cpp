#include "app/present_catalog.h"

#include <filesystem>

#include "app/pipeline_places.h"
#include "postgres/connection_options.h"
#include "service/catalog/postgres_catalog.h"
#include "service/catalog/secret_text.h"
#include "service/catalog/sqlite_catalog.h"

namespace luge {

namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";

bool is_in_postgres(const Options& options) { return !options.catalog.empty() && !options.catalog.starts_with(kSqliteScheme); }

/// As open_catalog() finds it.
Result<std::string> sqlite_path(const Options& options, const Environment& environment) {
  if (!options.catalog.empty()) return std::filesystem::absolute(options.catalog.substr(kSqliteScheme.size())).lexically_normal().string();
  TRY(const std::string home, state_home(environment));
  return home + "/luge/catalog.db";
}

}  // namespace

Result<bool> is_catalog_there(const Options& options, const Environment& environment) {
  if (options.catalog == kSqliteScheme) return true;  // open_catalog() says what is wrong
  if (is_in_postgres(options)) {
    TRY(const ConnectionOptions place, ConnectionOptions::parse(options.catalog, "catalog"));
    return PostgresCatalog::is_there(place);
  }
  TRY(const std::string path, sqlite_path(options, environment));
  return SqliteCatalog::is_there(path);
}

Result<std::string> catalog_name(const Options& options, const Environment& environment) {
  if (is_in_postgres(options)) return shown_conninfo(options.catalog);
  TRY(const std::string path, sqlite_path(options, environment));
  return std::string(kSqliteScheme) + path;
}

Result<OpenedCatalog> open_present_catalog(const Options& options, const Environment& environment) {
  TRY(const bool there, is_catalog_there(options, environment));
  if (there) return open_catalog(options, environment);
  TRY(const std::string name, catalog_name(options, environment));
  return fatal("no_catalog", "there is no catalog at " + name, "--catalog names another one; luge source add, luge apply and luge serve make one");
}

}  // namespace luge
