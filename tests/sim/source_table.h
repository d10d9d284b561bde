#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/catalog_table.h"

namespace luge {

/// A value as PostgreSQL's own text; nullopt: NULL.
using Cell = std::optional<std::string>;
/// One row, by attnum - 1; dropped columns keep their place.
using Values = std::vector<Cell>;
using ValuesPtr = std::shared_ptr<const Values>;
/// Identity of a row through all its updates (what a ctid chain is for).
using RowId = std::uint64_t;

struct SimColumn {
  std::string name;
  std::int16_t attnum = 0;
  Oid type = 0;
  bool dropped = false;
  bool toastable = false;
  bool in_key = false;
  Cell missing;  ///< attmissingval
};

/// One shape of one table. Immutable; an ALTER makes the next version.
struct TableDef {
  RelationOid oid = 0;
  TableName name;
  ReplicaIdentity identity = ReplicaIdentity::key;
  std::vector<SimColumn> columns;  ///< by attnum, dropped ones included
  std::uint32_t version = 1;
  bool selected = true;  ///< the user's selection wants it

  bool keyed() const;
  /// Text of the key columns; only for keyed tables.
  std::string key_of(const Values& values) const;
};
using TableDefPtr = std::shared_ptr<const TableDef>;

/// Long enough to be stored out of line: an update that leaves it alone sends it as unchanged.
bool is_external(const SimColumn& column, const Cell& value);

/// A table's content at one moment, with every shape it has had since it was made.
struct TableVersion {
  std::vector<TableDefPtr> shapes;  ///< oldest first; the last is the present one
  std::size_t last_streamed = 0;    ///< shape of the last change that the stream carried
  std::map<RowId, ValuesPtr> rows;

  const TableDefPtr& def() const { return shapes.back(); }
};
using TableMap = std::map<RelationOid, TableVersion>;

/// What the catalog says of a shape. Types are shared for the whole process.
CatalogTable to_catalog(const TableDef& def, bool published);
std::shared_ptr<const PgType> sim_type(Oid oid);

}  // namespace luge
