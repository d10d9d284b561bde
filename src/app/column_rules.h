#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/name_pattern.h"
#include "base/result.h"
#include "model/column_options.h"
#include "model/pg_type.h"
#include "model/table_schema.h"

namespace luge {

/// What the user chose for columns (config `columns:`), by name pattern (schema.table.column) or by PostgreSQL type (type: NAME).
/// Rules are read in order and a later one wins. Immutable once built; thread-safe.
class ColumnRules {
 public:
  /// `key` is "schema.table.column" with globs, or "type: numeric".
  Status add(std::string_view key, ColumnOptions options);

  ColumnOptions lookup(const TableName& table, const std::string& column, const PgType& type) const;
  bool empty() const { return rules_.empty(); }
  /// Stable text of all rules, for the options' fingerprint.
  std::string fingerprint() const;

 private:
  struct Rule {
    std::string key;
    std::vector<NamePattern> names;      ///< schema, table, column; empty for a type rule
    std::optional<NamePattern> type;
    ColumnOptions options;
  };
  std::vector<Rule> rules_;
};

}  // namespace luge
