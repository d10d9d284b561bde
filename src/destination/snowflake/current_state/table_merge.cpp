#include "destination/snowflake/current_state/table_merge.h"

#include <limits>

namespace luge {

namespace {

constexpr std::size_t kLongestText = 900'000;  // Snowflake takes a statement of 1 MB

Error superseded() {
  return make_error(Recovery::quarantine_table, "superseded", "another luge has begun a newer copy of this table in Snowflake",
                    "let only one pipeline of this name run; luge resync takes the table over");
}

}  // namespace

Position position_before(const Position& position) {
  if (position.ordinal > 0) return {position.epoch, position.commit_lsn, position.ordinal - 1};
  if (position.commit_lsn.value > 0) return {position.epoch, Lsn{position.commit_lsn.value - 1}, std::numeric_limits<std::uint64_t>::max()};
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  return {position.epoch > 0 ? position.epoch - 1 : 0, Lsn{kLast}, kLast};
}

Result<SqlResult> TableMerge::ask(std::string text, MergeOutcome& outcome) {
  SqlStatement statement;
  statement.text = std::move(text);
  statement.timeout = timeout_;
  ++outcome.statements;
  return sql_.run(statement);
}

Result<Watermark> TableMerge::begin(RelationOid oid, const Watermark& floor) {
  MergeOutcome ignored;
  TRY(const SqlResult begun, ask(watermarks_.begin_sql(oid, floor), ignored));
  TRY(const SqlResult result, ask(watermarks_.read_one_sql(oid), ignored));
  TRY(const auto found, WatermarkTable::read(result));
  const auto row = found.find(oid);
  if (row == found.end() || row->second.generation > floor.generation) return superseded();
  return row->second;
}

Result<MergeOutcome> TableMerge::run(RelationOid oid, const TableLayout& layout, MergeWindow window, bool look) {
  MergeOutcome outcome;
  if (look) {
    TRY(const SqlResult result, ask(look_sql(layout, window), outcome));
    TRY(const WindowLook seen, read_look(result));
    window.truncates = seen.truncates;
    window.moved_keys = seen.moved_keys;
  }
  window.moved_keys = window.moved_keys && !layout.keyless();
  window.parts.clear();
  if (window.moved_keys) {
    TRY(const SqlResult result, ask(find_parts_sql(layout, window), outcome));
    TRY(window.parts, read_parts(result));
  }
  window.signature = make_uuid(random_);
  SqlStatement statement = merge_sql(layout, watermarks_, oid, window);
  while (statement.text.size() > kLongestText && !window.parts.empty()) {
    window.through = position_before(window.parts[window.parts.size() / 2]);
    window.parts.resize(window.parts.size() / 2);
    window.common.reset();
    statement = merge_sql(layout, watermarks_, oid, window);
  }
  statement.timeout = timeout_;
  TRY(const std::vector<SqlResult> results, sql_.run_all(statement));
  if (results.size() <= kClaimResult) return fatal("protocol", "Snowflake's SQL API answered a transaction with fewer results than statements");
  outcome.statements += results.size();
  if (results[kClaimResult].affected() > 0) {
    for (std::size_t i = kClaimResult + 1; i + closing_results(window) < results.size(); ++i) outcome.rows += results[i].affected();
    outcome.watermark = {window.through, window.from.generation};
    return outcome;
  }
  TRY(const SqlResult result, ask(watermarks_.read_one_sql(oid), outcome));
  TRY(const auto found, WatermarkTable::read(result));
  const auto row = found.find(oid);
  if (row == found.end()) {
    return make_error(Recovery::quarantine_table, "watermark_lost", "the table's row in _LUGE_WATERMARKS is gone, so nobody knows what is merged",
                      "luge resync makes the table anew");
  }
  if (row->second.generation != window.from.generation) return superseded();
  outcome.watermark = row->second;
  return outcome;
}

Result<MergeOutcome> TableMerge::retain(const TableLayout& layout, const Watermark& watermark, Duration age) {
  MergeOutcome outcome;
  outcome.watermark = watermark;
  TRY(const SqlResult result, ask(retention_sql(layout, watermark.position, age.count() / 1'000'000), outcome));
  outcome.rows = result.affected();
  return outcome;
}

}  // namespace luge
