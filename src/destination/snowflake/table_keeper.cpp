#include "destination/snowflake/table_keeper.h"

#include <algorithm>

#include "base/log.h"
#include "destination/snowflake/current_state/log_rows.h"
#include "destination/snowflake/current_state/state_view.h"

namespace luge {

namespace {

constexpr int kMostPlacingSteps = 12;  // two, when every answer arrives

bool has_position(const ActualColumns& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const ActualColumn& column) { return column.name == kPositionColumn; });
}

}  // namespace

TableKeeper::TableKeeper(const SnowflakeOptions& options, bool log_mode, TableOwner owner, std::shared_ptr<SqlSession> sql)
    : options_(options), log_mode_(log_mode), owner_(std::move(owner)), sql_(std::move(sql)) {}

Result<TableLayout> TableKeeper::layout_of(const TableSchema& schema) const {
  return make_layout(schema, {options_.schema, options_.keep_case, options_.soft_delete});
}

Result<SqlResult> TableKeeper::run_one(const SqlStatement& statement) {
  std::lock_guard lock(mutex_);
  return sql_->client().run(statement);
}

Status TableKeeper::run(const std::vector<std::string>& statements) {
  for (const std::string& text : statements) {
    SqlStatement statement;
    statement.text = text;
    TRY(const SqlResult done, run_one(statement));
  }
  return ok();
}

Result<std::optional<ActualColumns>> TableKeeper::describe(const std::string& qualified) {
  SqlStatement statement;
  statement.text = describe_sql(qualified);
  auto found = run_one(statement);
  if (!found && no_such_object(found.error())) return std::optional<ActualColumns>();
  if (!found) return std::move(found).error();
  ActualColumns columns;
  for (const auto& row : found->rows) {
    if (row.size() >= 2) columns.push_back({row[0].value_or(""), row[1].value_or("")});
  }
  return std::optional(std::move(columns));
}

Status TableKeeper::shape_log(const TableLayout* before, const TableLayout& wanted) {
  TRY(const auto actual, describe(wanted.log()));
  if (!actual) {
    // The source's schemas become Snowflake's where none is given; one that is given was checked at the start.
    if (options_.schema.empty()) CHECK_OK(run({create_schema_sql(wanted)}));
    CHECK_OK(run({create_log_sql(wanted, owner_mark(owner_))}));
    SqlStatement errors;
    errors.text = log_errors_sql(wanted);
    if (auto kept = run_one(errors); !kept) {
      log_event(LogLevel::debug, "error_logging_off", kept.error().what, {{"table", wanted.place.log}, {"code", kept.error().code}});
    }
    return ok();
  }
  if (before == nullptr) CHECK_OK(check_log_is_ours(wanted));
  return run(change_log(before, wanted, &*actual).statements);
}

Result<std::optional<std::string>> TableKeeper::shape_state(const TableLayout* before, const TableLayout& wanted) {
  TRY(const auto actual, describe(wanted.state()));
  if (!actual) {
    CHECK_OK(run({create_state_sql(wanted, owner_mark(owner_))}));
    return std::optional<std::string>();
  }
  if (before == nullptr) CHECK_OK(check_state_is_ours(wanted));
  if (!has_position(*actual)) return std::optional<std::string>(wanted.state() + " is not a table that luge made");
  LayoutChange change = change_state(before, wanted, &*actual);
  if (change.needs_copy) return std::move(change.needs_copy);
  CHECK_OK(run(change.statements));
  return std::optional<std::string>();
}

Result<bool> TableKeeper::has_moved(const TableLayout& before, const TableLayout& wanted) {
  TRY(const auto old_place, describe(before.state()));
  TRY(const auto new_place, describe(wanted.state()));
  if (!new_place) return false;
  CHECK_OK(check_state_is_ours(wanted));
  if (!old_place) return true;
  return make_error(Recovery::quarantine_table, "renamed",
                    "the table has a new name, and " + wanted.state() + " stands in Snowflake already: its current state cannot be called so");
}

Status TableKeeper::move_state(const TableLayout& before, const TableLayout& wanted) {
  if (options_.schema.empty()) CHECK_OK(run({create_schema_sql(wanted)}));
  return run({"ALTER TABLE " + before.state() + " RENAME TO " + wanted.state()});
}

Result<bool> TableKeeper::fits(const TableLayout& layout, bool with_state) {
  TRY(const auto log, describe(layout.log()));
  if (!log || !change_log(nullptr, layout, &*log).statements.empty()) return false;
  if (!with_state) return true;
  TRY(const auto state, describe(layout.state()));
  if (!state) return false;
  const LayoutChange change = change_state(nullptr, layout, &*state);
  return change.statements.empty() && !change.needs_copy;
}

Status TableKeeper::check_state(const TableLayout& layout, const TableComments& found) {
  TRY(const auto actual, describe(layout.state()));
  return actual ? check_state_owner(layout, found, owner_, has_position(*actual)) : ok();
}

Result<TableComments> TableKeeper::comments(const TableLayout& layout) {
  auto shown = run_one({show_tables_sql(layout)});
  if (!shown && no_such_object(shown.error())) return TableComments();
  if (!shown) return std::move(shown).error();
  return comments_of(*shown);
}

Status TableKeeper::check_log_is_ours(const TableLayout& layout) {
  TRY(const TableComments found, comments(layout));
  return check_log_owner(layout, found, owner_);
}

Status TableKeeper::check_state_is_ours(const TableLayout& layout) {
  TRY(const TableComments found, comments(layout));
  return check_state(layout, found);
}

Status TableKeeper::mark_log(const TableLayout& layout) {
  return run({"ALTER TABLE " + layout.log() + " SET COMMENT = " + snowflake_literal(owner_mark(owner_))});
}

Status TableKeeper::begin_copy(const TableLayout& layout, Attempt attempt, const std::string& mark) {
  if (options_.schema.empty()) CHECK_OK(run({create_schema_sql(layout)}));
  TRY(const TableComments found, comments(layout));
  CHECK_OK(check_log_owner(layout, found, owner_));
  if (merges()) CHECK_OK(check_state(layout, found));
  // Another pipeline's copy under way would be replaced.
  const auto copy = found.find(snowflake_copy_name(layout.place, attempt));
  if (copy != found.end() && is_luge_mark(copy->second) && !is_mark_of(copy->second, owner_))
    return foreign_table(layout.copy(attempt), owner_of_mark(copy->second));
  return run({create_copy_sql(layout, attempt, mark, merges() ? CopyShape::state : CopyShape::log)});
}

Status TableKeeper::drop_copy(const TableLayout& layout, Attempt attempt) { return run({drop_copy_sql(layout, attempt)}); }

Status TableKeeper::empty_copy(const TableLayout& layout, Attempt attempt) {
  TRY(const auto columns, describe(layout.copy(attempt)));
  if (!columns) return ok();
  return run({"DELETE FROM " + layout.copy(attempt)});
}

// Whether a swap was carried out can be unknown, and one that is under way can be carried out later: so every step is looked at, up to the
// last. With the copy's name gone nothing can swap any more.
Status TableKeeper::place_copy(const TableLayout& layout, Attempt attempt, const std::string& mark) {
  CHECK_OK(check_state_is_ours(layout));
  SqlStatement find;
  find.text = find_copy_sql(layout, attempt);
  Error last = make_error(Recovery::retry, "copy_not_placed", layout.copy(attempt) + " does not get into its place", "luge copies the table again");
  for (int step = 0; step < kMostPlacingSteps; ++step) {
    TRY(const SqlResult found, run_one(find));
    std::vector<FoundTable> tables;
    for (const auto& row : found.rows) tables.push_back({row.at(0).value_or(""), row.at(1).value_or("")});
    const CopyPlacing placing = place_copy_step(layout, attempt, mark, tables);
    if (placing.kind == CopyPlacing::Kind::placed) return ok();
    if (placing.kind == CopyPlacing::Kind::lost) {
      return make_error(Recovery::retry, "copy_lost", layout.copy(attempt) + " is not in Snowflake any more: somebody has dropped or replaced it",
                        "luge copies the table again");
    }
    SqlStatement statement;
    statement.text = placing.statement;
    statement.repeatable = false;
    auto done = run_one(statement);
    if (done) continue;
    last = std::move(done).error();
    if (last.write_state != WriteState::unknown) return last;
  }
  return last;
}

Status TableKeeper::log_copy(const TableLayout& copied, const TableLayout& layout, Attempt attempt, const Position& floor,
                             const std::optional<CopyHandover>& handover) {
  if (copied.columns != layout.columns) {
    // The log's shape has moved on since the copy began: the copy's table follows it first.
    TableLayout before = copied;
    TableLayout wanted = layout;
    before.place.state = wanted.place.state = snowflake_copy_name(copied.place, attempt);
    TRY(const auto actual, describe(wanted.state()));
    if (actual) {
      const LayoutChange change = change_state(&before, wanted, &*actual);
      if (change.needs_copy) return make_error(Recovery::quarantine_table, std::string(kTypeChanged), *change.needs_copy, "");
      CHECK_OK(run(change.statements));
    }
  }
  SqlStatement statement = copy_into_log_sql(layout, attempt, floor);
  statement.timeout = std::chrono::hours(6);
  {
    std::lock_guard lock(mutex_);
    TRY(const auto done, sql_->client().run_all(statement));
  }
  const std::string keep = not_copied_sql(handover);
  if (keep.empty()) return ok();
  SqlStatement seen;
  seen.text = "DELETE FROM " + layout.log() + " WHERE \"_LUGE_XID\" IS NOT NULL AND NOT (" + keep + ")";
  seen.timeout = std::chrono::hours(1);
  TRY(const SqlResult deleted, run_one(seen));
  return run({drop_copy_sql(layout, attempt)});
}

std::string TableKeeper::rejection_reason(const TableLayout& layout) {
  SqlStatement statement;
  statement.text = "SELECT \"ERROR_CODE\", COUNT(*) FROM ERROR_TABLE(" + layout.log() + ") GROUP BY 1 ORDER BY 2 DESC LIMIT 3";
  auto found = run_one(statement);
  if (!found) return {};
  std::string reason;
  for (const auto& row : found->rows) {
    if (!row.at(0)) continue;
    reason += (reason.empty() ? "" : ", ") + *row[0] + " in " + row.at(1).value_or("?") + " rows";
  }
  return reason;
}

}  // namespace luge
