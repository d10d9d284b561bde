#pragma once
#include <memory>
#include <unordered_map>

#include "model/catalog_table.h"
#include "model/table_schema.h"

namespace luge {

/// The types a Relation message may name: those of the catalog's columns and of the shape before, those asked for by OID, and the
/// built-in scalar types, whose OIDs never change. A type that is none of these is unknown (a column altered twice since the message was written).
class TypeFinder {
 public:
  /// Both must outlive the finder.
  TypeFinder(const CatalogTable& catalog, const TableSchema* previous);

  /// Null: unknown. `attnum` only makes the usual case fast.
  std::shared_ptr<const PgType> find(std::int16_t attnum, Oid oid) const;

 private:
  void remember(const std::shared_ptr<const PgType>& type);

  const CatalogTable& catalog_;
  std::unordered_map<Oid, std::shared_ptr<const PgType>> known_;
};

/// A scalar type of pg_type.dat by OID; null for anything else.
std::shared_ptr<const PgType> builtin_type(Oid oid);

}  // namespace luge
