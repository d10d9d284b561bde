#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/destination.h"
#include "destination/snowflake/snowflake_options.h"
#include "model/table_record.h"

namespace luge {

/// One table of the mirror, as the reader sees it.
struct TableOfMirror {
  RelationOid oid = 0;
  TableName name;
  TableState state = TableState::waiting;
  TableSchemaPtr schema;              ///< null before the first copy
  std::string target;                 ///< quoted
  std::string filter;                 ///< "" or SQL about the table t: rows that count
  std::vector<std::string> columns;   ///< the mirror's names of schema->columns
};

/// From the mirror's own _luge.tables.
Result<std::vector<TableOfMirror>> duckdb_mirror_tables(ReadHandle& mirror);

/// From what the pipeline knows: in Snowflake luge keeps no table of tables.
Result<std::vector<TableOfMirror>> snowflake_mirror_tables(const std::vector<TableRecord>& records, const SnowflakeOptions& options);

}  // namespace luge
