#pragma once
#include <string>

#include "base/result.h"
#include "model/table_schema.h"

namespace luge {

struct MissingValue {
  std::string expression;
  /// Snowflake's ADD COLUMN takes constants behind DEFAULT: texts, numbers, booleans. Nothing else is counted on.
  bool is_constant = false;
};

/// ColumnSchema::missing_value, which is there and not NULL, as SQL of the column's type. A value that Snowflake cannot hold is "misfit"
/// (Recovery::quarantine_table).
Result<MissingValue> missing_value_sql(const ColumnSchema& column);

}  // namespace luge
