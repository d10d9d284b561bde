#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/pg_type.h"
#include "model/table_schema.h"

namespace luge {

/// pg_attribute, dropped ones included (they anchor the order of attnums).
struct CatalogColumn {
  std::int16_t attnum = 0;
  std::string name;
  bool dropped = false;
  std::shared_ptr<const PgType> type;  ///< null when dropped
  std::int32_t typmod = -1;
  bool not_null = false;
  bool generated = false;              ///< attgenerated <> ''
  std::optional<std::string> missing_text;  ///< attmissingval as text, when atthasmissing
};

/// A leaf of a partitioned table whose replica identity is not the one its root's would make it.
struct CatalogLeaf {
  TableName name;
  ReplicaIdentity identity = ReplicaIdentity::key;
  std::vector<std::string> identity_columns;  ///< names; empty: FULL, or none
  std::string generated_column;               ///< one of them that is generated; empty: none
};

/// What the catalog says of one table now (not at the stream's position!).
struct CatalogTable {
  RelationOid oid = 0;
  TableName name;
  char kind = 'r';                      ///< relkind: r table, p partitioned
  ReplicaIdentity identity = ReplicaIdentity::key;
  std::vector<CatalogColumn> columns;   ///< by attnum
  std::vector<std::int16_t> primary_key;     ///< attnums of an immediate primary key; empty: none
  std::vector<std::int16_t> identity_index;  ///< attnums of the index that serves as replica identity; empty: none
  std::vector<CatalogLeaf> odd_leaves;       ///< of a partitioned table, by name
  std::vector<std::shared_ptr<const PgType>> types;  ///< further types that were asked for by OID (uncommitted columns use them)
  std::uint32_t file_node = 0;          ///< relfilenode: changes with a rewrite
  std::uint64_t pages = 0;              ///< 8 KiB blocks, all leaves of a partitioned table
  double estimated_rows = -1;           ///< reltuples; -1: never analysed
  bool row_security = false;            ///< RLS would hide rows from this role
  bool published = false;               ///< member of luge's publication
  std::vector<std::string> published_columns;  ///< column list of the publication; empty: all
  std::optional<std::string> row_filter;       ///< SQL of the publication's WHERE
};

}  // namespace luge
