#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "decode/relation_resolver.h"
#include "model/table_record.h"

namespace luge {

/// A copied table whose columns the user's rules (`columns`) would give other types now than it was copied with.
struct RetypedTable {
  RelationOid oid = 0;
  TableName name;
  std::vector<std::string> columns;  ///< "amount (decimal(10,2), now text)"
};

/// Pure. Tables that are copied again anyway, and those that are stopped until somebody has them copied again, take the new rules then.
std::vector<RetypedTable> find_retyped(const std::vector<TableRecord>& tables, const ColumnOptionsLookup& columns);

/// Stops for the operator's decision; names the columns. Not empty.
Error retyped_error(const std::vector<RetypedTable>& tables);

}  // namespace luge
