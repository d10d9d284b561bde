#pragma once
#include <optional>
#include <string>

namespace luge {

/// What the user chose for a column (config `columns: {"schema.table.column": {as: text}}`).
struct ColumnOptions {
  bool as_text = false;  ///< PostgreSQL's own text instead of the mapped type
  friend bool operator==(const ColumnOptions&, const ColumnOptions&) = default;
};

}  // namespace luge
