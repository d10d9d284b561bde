#pragma once
#include <optional>
#include <string>

#include "destination/snowflake/ddl/table_layout.h"
#include "model/snapshot.h"

namespace luge {

/// What the initial copy has read already: changes at or before `limit` whose transaction `snapshot` sees are in the copied rows.
struct CopyHandover {
  Snapshot snapshot;
  Position limit;
  friend bool operator==(const CopyHandover&, const CopyHandover&) = default;
};

/// Pieces of SQL about rows of a log, for those who fold it. Conditions are complete ones; `alias` stands before columns, "" for none.

/// A row's place as text; positions compare as texts do.
std::string position_literal(const Position& position);
/// Not in the copy already. Empty if nothing is handed over.
std::string not_copied_sql(const std::optional<CopyHandover>& handover);
/// The row carries the column: _LUGE_PRESENT says so, and it is not older than the column.
std::string carried_sql(const LayoutColumn& column, const std::string& alias);
/// The column's value in a row that carries all columns of its time: what older rows than the column hold is `missing`.
std::string value_sql(const LayoutColumn& column, const std::string& alias);
/// The column's value in _LUGE_OLD_KEY.
std::string old_value_sql(const LayoutColumn& column, const std::string& alias);
/// Something by which equal values are equal and NULLs too: VARIANTs and ARRAYs have no equality, their texts have.
std::string comparable_sql(const LayoutColumn& column, const std::string& value);

/// "A", "B" with a prefix before each: lists of columns.
std::string column_list(const TableLayout& layout, const std::string& alias, bool keys_only = false);

/// A query: rows of the log that meet `condition` (not empty), without those copied already and, if `truncates`, only those behind the last
/// TRUNCATE among them. Columns: the layout's, _LUGE_OP, _LUGE_PRESENT, _LUGE_OLD_KEY, _LUGE_POSITION.
std::string kept_rows_sql(const TableLayout& layout, const std::string& condition, const std::optional<CopyHandover>& handover, bool truncates);
/// The position of the last TRUNCATE among such rows, or NULL.
std::string last_truncate_sql(const TableLayout& layout, const std::string& condition, const std::optional<CopyHandover>& handover);

}  // namespace luge
