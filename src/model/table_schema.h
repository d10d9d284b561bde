#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/pg_type.h"
#include "model/value_type.h"

namespace luge {

struct ArrowColumn;

enum class ReplicaIdentity : char { nothing = 'n', key = 'd', full = 'f', index = 'i' };

struct TableName {
  std::string schema;
  std::string table;
  friend auto operator<=>(const TableName&, const TableName&) = default;
};
/// schema.table, quoted where PostgreSQL would.
std::string to_string(const TableName& name);

/// One published column. Its identity is (relation oid, attnum), never its name.
struct ColumnSchema {
  std::string name;
  std::int16_t attnum = 0;
  std::shared_ptr<const PgType> type;  ///< as declared (a domain stays a domain here)
  std::int32_t typmod = -1;
  ValueType value;                     ///< what it becomes
  bool in_identity = false;            ///< flag bit 0 of the Relation message
  std::shared_ptr<const ArrowColumn> missing_value;  ///< one value: what rows older than the column read as (attmissingval); null: NULL
};

/// The shape of one table as the stream last described it. Immutable; a change of shape makes a new object.
struct TableSchema {
  RelationOid oid = 0;
  TableName name;
  ReplicaIdentity identity = ReplicaIdentity::key;
  std::vector<ColumnSchema> columns;       ///< published ones, in the order of the Relation message
  /// Indices into `columns` that identify a row for folding and deleting: the replica identity's columns, or under
  /// REPLICA IDENTITY FULL the primary key if the table has an immediate one; empty: keyless (rows are a multiset).
  std::vector<std::uint16_t> key_columns;
  /// The largest attnum the table is known to have given out at this point of the stream, dropped and unpublished columns included;
  /// 0: not known. The catalog may be ahead of the stream, so this is not the catalog's largest. A column that a later shape adds lies above it.
  std::int16_t newest_attnum = 0;

  bool keyless() const { return key_columns.empty(); }
};
using TableSchemaPtr = std::shared_ptr<const TableSchema>;

/// Same columns (attnum, name, value type), same key: rows of both can share a chunk and no ALTER is needed between them.
bool same_shape(const TableSchema& a, const TableSchema& b);
/// The old tuples of both carry the same columns.
bool same_identity(const TableSchema& a, const TableSchema& b);
/// A column of `now` that the table had when it had shape `before`, without it being published then: what the rows hold in it was
/// never sent. Null: there is none.
const ColumnSchema* published_later(const TableSchema& before, const TableSchema& now);

}  // namespace luge
