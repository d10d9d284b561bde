#pragma once
#include <cstdint>

#include "base/random.h"
#include "destination/snowflake/current_state/merge_sql.h"

namespace luge {

/// What came of one attempt to merge.
struct MergeOutcome {
  Watermark watermark;            ///< where it is now
  std::uint64_t statements = 0;   ///< that ran, transaction control included
  std::uint64_t rows = 0;         ///< of the state table that were touched
};

/// One table's requests to Snowflake. It blocks; one thread.
class TableMerge {
 public:
  /// All outlive it.
  TableMerge(SqlClient& sql, const WatermarkTable& watermarks, Random& random, Duration statement_timeout)
      : sql_(sql), watermarks_(watermarks), random_(random), timeout_(statement_timeout) {}

  /// Begins a generation at `floor`, or finds where it is. "superseded" (Recovery::quarantine_table): a newer one has begun.
  Result<Watermark> begin(RelationOid oid, const Watermark& floor);

  /// Merges behind window.from and up to window.through, or up to an earlier position if the statement would be longer than Snowflake takes.
  /// `look`: the window's flags are not known and are asked for. Should the watermark not be where window.from says (an attempt whose answer
  /// was lost had succeeded), nothing happens and the outcome says where it is. "watermark_lost": its row is gone.
  Result<MergeOutcome> run(RelationOid oid, const TableLayout& layout, MergeWindow window, bool look);

  Result<MergeOutcome> retain(const TableLayout& layout, const Watermark& watermark, Duration age);

 private:
  Result<SqlResult> ask(std::string text, MergeOutcome& outcome);

  SqlClient& sql_;
  const WatermarkTable& watermarks_;
  Random& random_;
  const Duration timeout_;
};

/// The position before which only `position` and later ones are missing: rows at or before it are those before `position`.
Position position_before(const Position& position);

}  // namespace luge
