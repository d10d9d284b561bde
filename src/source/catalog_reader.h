#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/catalog_table.h"
#include "postgres/connection.h"
#include "source/table_finding.h"

namespace luge {

/// What the cheapest question to the catalog tells of a table.
struct ListedTable {
  RelationOid oid = 0;
  TableName name;
  bool published = false;
};

/// The catalog as it is now, read through one connection: a few statements whatever the number of tables. Blocking; one thread.
/// Inside a transaction of the caller it reads that transaction's snapshot.
class CatalogReader {
 public:
  static constexpr int kStatements = 6;            ///< of describe_tables, at most
  static constexpr int kMembershipStatements = 2;
  CatalogReader(Connection& sql, std::string publication) : sql_(sql), publication_(std::move(publication)) {}

  /// Every user table that can be followed, by name, partitions as part of their root: one statement that opens no table.
  Result<std::vector<ListedTable>> list_names();
  /// Every user table that can be followed, by name; partitions are part of their root. `pages` is the size now where no exclusive
  /// lock stands in the way; everywhere else it is that of the last ANALYZE or VACUUM, since describing opens no table.
  Result<std::vector<CatalogTable>> list_tables();
  /// Those of `oids` that exist, by name.
  Result<std::vector<CatalogTable>> describe_tables(std::span<const RelationOid> oids);
  /// Fills in what the publication says of these: published, published_columns, row_filter.
  Status add_membership(std::span<CatalogTable> tables);
  /// nullopt: there is none (any more). `types` are further type OIDs: those that exist come back in CatalogTable.types.
  Result<std::optional<CatalogTable>> describe_table(RelationOid oid, std::span<const Oid> types = {});

  /// What stands against following these tables, `not_readable` and `row_security` included.
  Result<std::vector<TableFinding>> preflight(std::span<const CatalogTable> tables);
  /// Unlogged and foreign tables.
  Result<std::vector<TableFinding>> unfollowable_tables();

 private:
  Result<std::vector<CatalogTable>> read(const std::string& oids, std::span<const Oid> types);
  Connection& sql_;
  const std::string publication_;
};

/// "1,2,3" for catalog_sql.
std::string oid_list(std::span<const RelationOid> oids);

}  // namespace luge
