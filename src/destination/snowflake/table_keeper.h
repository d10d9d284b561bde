#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/current_state/log_rows.h"
#include "destination/snowflake/ddl/layout_change.h"
#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/foreign_tables.h"
#include "destination/snowflake/live_table.h"
#include "destination/snowflake/snowflake_connection.h"

namespace luge {

/// Keeps a table's tables in Snowflake in the shape that its rows have: DDL through the SQL API, each step harmless when repeated.
/// Thread-safe: one statement after the other.
class TableKeeper {
 public:
  TableKeeper(const SnowflakeOptions& options, bool log_mode, TableOwner owner, std::shared_ptr<SqlSession> sql);

  /// A current state is kept as a table.
  bool merges() const { return !log_mode_ && options_.current_state == SnowflakeOptions::CurrentState::merge; }
  bool views() const { return !log_mode_ && options_.current_state == SnowflakeOptions::CurrentState::view; }

  /// Error Recovery::quarantine_table: the shape cannot be kept.
  Result<TableLayout> layout_of(const TableSchema& schema) const;

  /// nullopt: there is no such table.
  Result<std::optional<ActualColumns>> describe(const std::string& qualified);
  Status run(const std::vector<std::string>& statements);
  Result<SqlResult> run_one(const SqlStatement& statement);

  /// Brings the log from where it is to `wanted`. `before`: the layout it had; nullptr: it is taken over as it stands, or made. "foreign"
  /// (Recovery::quarantine_table): it stands already, and belongs to another pipeline.
  Status shape_log(const TableLayout* before, const TableLayout& wanted);
  /// The same for the state table, and with the same errors; set: why it needs a new copy.
  Result<std::optional<std::string>> shape_state(const TableLayout* before, const TableLayout& wanted);
  /// A table that was renamed: does its state table stand under the new name already, because an earlier process came as far? Errors "renamed"
  /// (something else stands there), and those of check_state_is_ours.
  Result<bool> has_moved(const TableLayout& before, const TableLayout& wanted);
  /// The state table goes on under the new name.
  Status move_state(const TableLayout& before, const TableLayout& wanted);
  /// True: log and state table are as `layout` says.
  Result<bool> fits(const TableLayout& layout, bool with_state);

  /// "foreign_table", "foreign" (Recovery::quarantine_table): a table of luge's stands nowhere where another one, of somebody else or of another
  /// pipeline, stands already.
  Status check_state_is_ours(const TableLayout& layout);
  /// "foreign": the log is another pipeline's.
  Status check_log_is_ours(const TableLayout& layout);
  /// The comment of this attempt's copy.
  std::string mark_of_copy(RelationOid oid, Epoch epoch, Attempt attempt) const { return copy_mark(owner_, oid, epoch, attempt); }
  /// A log that somebody made anew lacks its comment.
  Status mark_log(const TableLayout& layout);
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
  /// Of what stands where the layout's tables would.
  Result<TableComments> comments(const TableLayout& layout);
  Status check_state(const TableLayout& layout, const TableComments& found);

  const SnowflakeOptions& options_;
  const bool log_mode_;
  const TableOwner owner_;
  std::mutex mutex_;
  const std::shared_ptr<SqlSession> sql_;
  std::map<std::string, bool> schemas_;
};

}  // namespace luge
