#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace luge {

/// One step of the catalog's tables: run in a transaction of its own, together with the note that it was run. Never changed once released.
struct CatalogMigration {
  std::int64_t version = 0;  ///< 1, 2, …
  std::string name;
  std::string sql;           ///< statements separated by semicolons
};

const std::vector<CatalogMigration>& sqlite_migrations();
const std::vector<CatalogMigration>& postgres_migrations();

/// The step after `version`; null: there is none. Error "catalog_newer": `version` is beyond all of them. `where` is for messages.
Result<const CatalogMigration*> next_migration(const std::vector<CatalogMigration>& all, std::int64_t version, const std::string& where);

}  // namespace luge
