#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/name_pattern.h"
#include "base/result.h"
#include "model/table_schema.h"

namespace luge {

/// Which tables luge follows: 'public.*,!public.audit_*'. A table is taken when one pattern takes it (or there are only
/// exclusions) and no exclusion names it. A pattern without a schema means schema public. System schemas and luge's own are never
/// taken. Immutable; thread-safe.
class TableSelection {
 public:
  /// Everything users own.
  TableSelection() = default;
  /// Empty text: everything users own.
  static Result<TableSelection> parse(std::string_view text);

  bool includes(const TableName& name) const;
  /// Patterns that can match one table only: it is an error if that table does not exist.
  std::vector<std::string> exact_names() const;

 private:
  struct Pattern {
    std::string text;
    NamePattern schema;
    NamePattern table;
    bool matches(const TableName& name) const { return schema.matches(name.schema) && table.matches(name.table); }
  };
  std::vector<Pattern> taken_;
  std::vector<Pattern> excluded_;
};

/// pg_catalog, information_schema, pg_toast, temporary schemas, _luge.
bool is_system_schema(std::string_view schema);

}  // namespace luge
