#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/catalog_table.h"
#include "postgres/connection.h"

namespace luge {

/// Something about a table that its owner should know before it is followed.
struct TableFinding {
  enum class Kind : char {
    no_identity,   ///< publishing it makes the application's UPDATE and DELETE fail
    not_logged,    ///< unlogged or foreign: no WAL, so it cannot be followed
    not_readable,  ///< this role may not SELECT from it: no initial copy
    row_security,  ///< RLS hides rows from this role: the copy would not equal the stream
  };
  Kind kind = Kind::no_identity;
  RelationOid oid = 0;  ///< 0: not_logged
  TableName table;
  std::string what;     ///< one sentence
  std::string fix;      ///< SQL
};

/// The catalog as it is now, read through one connection: a few statements whatever the number of tables. Blocking; one thread.
/// Inside a transaction of the caller it reads that transaction's snapshot.
class CatalogReader {
 public:
  CatalogReader(Connection& sql, std::string publication) : sql_(sql), publication_(std::move(publication)) {}

  /// Every user table that can be followed, by name; partitions are part of their root. `pages` is the size now where no exclusive
  /// lock stands in the way; everywhere else it is that of the last ANALYZE or VACUUM, since describing opens no table.
  Result<std::vector<CatalogTable>> list_tables();
  /// Those of `oids` that exist, by name.
  Result<std::vector<CatalogTable>> describe_tables(std::span<const RelationOid> oids);
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

/// A row of it can be named in an UPDATE or DELETE on the stream.
bool has_identity(const CatalogTable& table);

/// "1,2,3" for catalog_sql.
std::string oid_list(std::span<const RelationOid> oids);

}  // namespace luge
