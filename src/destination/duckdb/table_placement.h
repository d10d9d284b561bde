#pragma once
#include <optional>
#include <variant>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/mirror_catalog.h"

namespace luge {

/// Decides where a table's rows stand, and puts them there. Names are DuckDB's: two that differ only in case are one. Inside the
/// connection's transaction.
class TablePlacement {
 public:
  TablePlacement(MirrorCatalog& catalog, bool log_mode) : catalog_(catalog), log_mode_(log_mode) {}

  /// The place of a table of this name, freed if need be: another table that still stands there although the source's name is now
  /// this table's was renamed or dropped in the source and steps aside under a name with its oid. A quarantine where the place
  /// cannot be had: reserved, held by a table luge did not make, or names that fold together.
  Result<std::variant<TargetName, Quarantine>> claim(DuckdbConnection& connection, RelationOid oid, const TableName& name);

  /// Renames a table, across schemas by copying it.
  static Status move(DuckdbConnection& connection, const TargetName& from, const TargetName& to);

 private:
  MirrorCatalog& catalog_;
  const bool log_mode_;
};

}  // namespace luge
