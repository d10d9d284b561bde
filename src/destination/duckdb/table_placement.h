#pragma once
#include <map>
#include <optional>
#include <variant>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/mirror_catalog.h"
#include "model/position.h"

namespace luge {

/// Decides where a table's rows stand, and puts them there. Names are DuckDB's: two that differ only in case are one. Inside the
/// connection's transaction.
///
/// A table's name becomes known with a row of it, and rows of different tables reach a transaction in any order: one that had the
/// name before may tell of it after the one that has it now. So within a transaction the later position counts, not the later call.
class TablePlacement {
 public:
  TablePlacement(MirrorCatalog& catalog, bool log_mode) : catalog_(catalog), log_mode_(log_mode) {}

  /// A transaction begins.
  void begin() { told_.clear(); }
  /// At this position a table had the name that claim() is asked about next.
  void tell(RelationOid oid, const Position& at);
  /// Zero: the transaction has not heard of its name.
  Position told(RelationOid oid) const;
  /// After everything that the transaction holds.
  static constexpr Position kLatest{UINT32_MAX, Lsn{UINT64_MAX}, UINT64_MAX};

  /// Where a table of this name is looked for.
  TargetName home_of(const TableName& name) const;

  /// The place of a table of this name, freed if need be: another table that still stands there although the source's name is now
  /// this table's was renamed or dropped in the source and steps aside under a name with its oid. If that one had the name later, it
  /// is this table that stays or goes aside. A quarantine where the place cannot be had: reserved, held by a table luge did not make,
  /// or names that fold together.
  Result<std::variant<TargetName, Quarantine>> claim(DuckdbConnection& connection, RelationOid oid, const TableName& name);

  /// `place` was left: a table that had stepped aside there, and of which no other name is known, returns.
  Status give_back(DuckdbConnection& connection, const TargetName& place);

  /// Renames a table, across schemas by copying it.
  static Status move(DuckdbConnection& connection, const TargetName& from, const TargetName& to);

 private:
  Status relocate(DuckdbConnection& connection, MirrorTable table, const TargetName& to);

  MirrorCatalog& catalog_;
  const bool log_mode_;
  std::map<RelationOid, Position> told_;
};

}  // namespace luge
