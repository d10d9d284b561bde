#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/current_state/log_rows.h"
#include "destination/snowflake/ddl/layout_change.h"
#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/live_table.h"
#include "destination/snowflake/snowflake_connection.h"

namespace luge {

/// Keeps a table's tables in Snowflake in the shape that its rows have: DDL through the SQL API, each step harmless when repeated.
/// Thread-safe: one statement after the other.
class TableKeeper {
 public:
  TableKeeper(const SnowflakeOptions& options, bool log_mode, SqlSession& sql);

  /// A current state is kept as a table.
  bool merges() const { return !log_mode_ && options_.current_state == SnowflakeOptions::CurrentState::merge; }
  bool views() const { return !log_mode_ && options_.current_state == SnowflakeOptions::CurrentState::view; }

  /// Error Recovery::quarantine_table: the shape cannot be kept.
  Result<TableLayout> layout_of(const TableSchema& schema) const;

  /// nullopt: there is no such table.
  Result<std::optional<ActualColumns>> describe(const std::string& qualified);
  Status run(const std::vector<std::string>& statements);
  Result<SqlResult> run_one(const SqlStatement& statement);

  /// Brings the log from where it is to `wanted`. `before`: the layout it had.
  Status shape_log(const TableLayout* before, const TableLayout& wanted);
  /// The same for the state table; set: why it needs a new copy.
  Result<std::optional<std::string>> shape_state(const TableLayout* before, const TableLayout& wanted);
  /// True: log and state table are as `layout` says.
  Result<bool> fits(const TableLayout& layout, bool with_state);

  /// "foreign_table" (Recovery::quarantine_table): a table of luge's stands nowhere where another one, of somebody else, stands already.
  Status check_state_is_ours(const TableLayout& layout);
  Status begin_copy(const TableLayout& layout, Attempt attempt, const std::string& mark);
  Status drop_copy(const TableLayout& layout, Attempt attempt);
  /// Takes all rows out of a copy that is still there.
  Status empty_copy(const TableLayout& layout, Attempt attempt);
  /// The finished copy becomes the state table.
  Status place_copy(const TableLayout& layout, Attempt attempt, const std::string& mark);
  /// The finished copy, made with the layout `copied`, goes into the log, which has `layout` by now; changes that it has seen leave it.
  Status log_copy(const TableLayout& copied, const TableLayout& layout, Attempt attempt, const Position& floor,
                  const std::optional<CopyHandover>& handover);
  /// What Snowflake says about rejected rows: codes and its own words without values; empty: it says nothing.
  std::string rejection_reason(const TableLayout& layout);

 private:
  const SnowflakeOptions& options_;
  const bool log_mode_;
  std::mutex mutex_;
  SqlSession& sql_;
  std::map<std::string, bool> schemas_;
};

}  // namespace luge
