#pragma once
#include <optional>
#include <string>
#include <vector>

#include "destination/snowflake/current_state/log_rows.h"
#include "destination/snowflake/current_state/watermark_table.h"
#include "destination/snowflake/ddl/table_layout.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

/// Rows of one table's log that become current state in one transaction: behind `from`, up to `through`.
struct MergeWindow {
  Watermark from;
  Position through;
  std::optional<CopyHandover> handover;
  bool truncates = false;   ///< there may be a TRUNCATE among them
  bool moved_keys = false;  ///< there may be key changes that did not carry all values
  std::vector<Position> parts;  ///< find_parts_sql; the window is merged part by part, each of these begins one
  std::string signature;    ///< of this attempt: a fresh UUID
  std::optional<Position> common;  ///< where all tables are once this one is at `through`; published with it
};

/// Is there anything that needs the flags? One row: truncates, key changes without all values (counts).
std::string look_sql(const TableLayout& layout, const MergeWindow& window);
struct WindowLook {
  bool truncates = false;
  bool moved_keys = false;
};
Result<WindowLook> read_look(const SqlResult& result);

/// Where a window with moved keys must be parted: such a change takes values from the row of its old key, which must be in the state table
/// by then, so what came before it under the old key is merged first. `window.parts` is not looked at.
std::string find_parts_sql(const TableLayout& layout, const MergeWindow& window);
Result<std::vector<Position>> read_parts(const SqlResult& result);

/// The transaction: several statements in one request. Its second result is the claim's: affected() 1: done; 0: the watermark was not at
/// `from`, and nothing has happened. Repeating it after an unknown outcome is therefore harmless, word for word too; the guard on
/// "_LUGE_POSITION" would keep newer rows besides.
SqlStatement merge_sql(const TableLayout& layout, const WatermarkTable& watermarks, RelationOid oid, const MergeWindow& window);
/// Which of its results is the claim's.
inline constexpr std::size_t kClaimResult = 1;
/// How many results stand behind those that touch the state table.
inline std::size_t closing_results(const MergeWindow& window) { return window.common ? 3 : 2; }

/// Rows of the log that are merged and older than `age_seconds`.
std::string retention_sql(const TableLayout& layout, const Position& through, std::int64_t age_seconds);

}  // namespace luge
