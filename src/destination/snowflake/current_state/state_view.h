#pragma once
#include <optional>
#include <string>

#include "destination/snowflake/current_state/log_rows.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

struct StateViewOptions {
  /// Changes at or before it are not counted: they are older than the copied rows, which always count.
  std::optional<Position> floor;
  std::optional<CopyHandover> handover;
  /// An SQL expression: changes at or behind it are not counted yet; empty: all are. Copied rows always count.
  std::string bound;
  /// Key changes need not carry all values (unchanged TOAST): look along the row's earlier keys. False makes reading cheaper, and is right
  /// where no column can be long.
  bool moved_keys = true;
};

/// CREATE OR REPLACE VIEW: current state as what the whole log comes to, for current_state: view. Columns as the state table's. The copied
/// rows are in the log. Values that a key change did not carry are found along the row's earlier keys.
/// Deleted rows are not in it, with soft delete neither: "_LUGE_DELETED" is false; the log has them.
std::string state_view_sql(const TableLayout& layout, const StateViewOptions& options);

/// Copied rows (CopyShape::log) into the log: one transaction, harmless when repeated while the copy's table stands. Rows copied earlier
/// go, and so do changes at or before `floor`. `layout`: the copy's, the columns it was read with.
using LogCopyPlan = SqlStatement;
LogCopyPlan copy_into_log_sql(const TableLayout& layout, std::uint32_t attempt, const std::optional<Position>& floor);

}  // namespace luge
