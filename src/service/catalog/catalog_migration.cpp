#include "service/catalog/catalog_migration.h"

namespace luge {

Result<const CatalogMigration*> next_migration(const std::vector<CatalogMigration>& all, std::int64_t version, const std::string& where) {
  const auto newest = static_cast<std::int64_t>(all.size());
  if (version > newest) {
    return fatal("catalog_newer", "the catalog " + where + " has version " + std::to_string(version) + ", this luge knows " + std::to_string(newest),
                 "run the newer luge again");
  }
  return version == newest ? nullptr : &all[static_cast<std::size_t>(version)];
}

}  // namespace luge
