#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/retry_policy.h"
#include "destination/snowflake/current_state/table_merge.h"

namespace luge {

/// Where one table's current state is.
struct MergeStatus {
  RelationOid oid = 0;
  std::string table;                ///< "SCHEMA"."ORDERS"
  std::optional<Position> merged;   ///< nullopt: not begun
  Position reached;                 ///< durable in the log
  double seconds_behind = 0;        ///< since when the oldest change that is not merged has been durable
  std::uint64_t windows = 0;
  std::uint64_t statements = 0;
  std::uint64_t rows = 0;           ///< of the state table, touched
  double warehouse_seconds = 0;     ///< that statements took, as seen from here
  std::optional<Error> last_error;  ///< of the last attempt; nullopt: it succeeded
};

/// Keeps the state tables of one pipeline current: one transaction a table and interval, none while nothing changed. A thread and an SQL
/// client of its own; the rest may be called from any thread.
///
/// Tables that are due together are merged to one place, so that they are consistent with each other there. The place up to which all of them
/// are complete is published with each merge that moves it: a row of "_LUGE_WATERMARKS" without a table (kCommonOid).
///
/// A table that fails is tried again with a backoff (0.2 to 60 s, full jitter) and keeps no other waiting longer than its statement takes.
class MergeScheduler {
 public:
  struct Settings {
    std::string schema;    ///< of luge's own tables
    std::string pipeline;
    Duration statement_timeout = std::chrono::minutes(30);
    Duration retention_pause = std::chrono::hours(1);  ///< between two deletions from one log, at least
    /// A table or column is not there ("002003", "000904"), or the watermark is ("watermark_lost", "superseded"). Called on the scheduler's
    /// thread, without its lock. It goes on trying, so it goes on once the table is healed.
    std::function<void(RelationOid, const Error&)> on_missing;
  };

  struct Table {
    TableLayout layout;
    Watermark floor;  ///< where this generation of the state table begins, if it has not begun: rows at or before it are in it
    std::optional<CopyHandover> handover;
    Duration interval = std::chrono::seconds(60);
    Duration log_retention{0};           ///< 0: rows of the log stay for ever
    std::vector<Position> truncates;     ///< behind what is merged, as far as known
    std::vector<Position> moved_keys;    ///< key changes that do not carry all values
    /// The table has stopped: nothing behind it counts, and it leaves once all up to it is merged. The others do not wait for it.
    std::optional<Position> last;
  };

  /// `sql` and `clock` outlive it; `sql` is used by nobody else. `random`: jitter and signatures, its own if nullptr.
  MergeScheduler(SqlClient& sql, Settings settings, const Clock& clock, Random* random = nullptr);
  ~MergeScheduler();
  MergeScheduler(const MergeScheduler&) = delete;
  MergeScheduler& operator=(const MergeScheduler&) = delete;

  /// Makes the table of watermarks if need be and reads it, with one query.
  Status load();
  /// load(), then the thread.
  Status start();
  /// Ends the thread after the statement that runs; a stopped SqlClient ends that early.
  void stop();

  /// Takes a table in, or gives it another layout, interval or generation. What reached() said of it stays. Does not wait.
  void set_table(RelationOid oid, Table table);
  /// Waits for the table's running statement; what reached() said is remembered for its return. Before DDL, and while a new copy reads: its rows of the log must not be retired.
  void remove_table(RelationOid oid);
  /// The same for good: the common position does not wait for it, and nothing is remembered.
  void forget_table(RelationOid oid);
  /// nullopt: the table is not known, or has never begun.
  std::optional<Watermark> watermark(RelationOid oid) const;

  /// Everything up to `through`, a transaction's end, is durable on all shards; `rows_changed` of it belong to this table. After a start say it
  /// once with a positive count, for what an earlier process left.
  void reached(RelationOid oid, const Position& through, std::uint64_t rows_changed);
  /// Everything of every table up to `through`, a transaction's end, is durable; so many rows belong to these tables, and none to others.
  void durable(const Position& through, const std::map<RelationOid, std::uint64_t>& rows_changed = {});
  /// Before reached() or durable() say so of their transaction. Positions said before may be repeated.
  void add_truncates(RelationOid oid, const std::vector<Position>& positions);
  void add_moved_keys(RelationOid oid, const std::vector<Position>& positions);

  /// Returns when everything durable up to `through` is merged, or with the error of an attempt. Runs it here if there is no thread.
  Status merge_now(RelationOid oid, const Position& through);
  /// All tables; the first error, after all were tried.
  Status merge_all(const Position& through);

  /// For a consistent reader: when hold() returns nothing is being merged, and until release() only merge_now and merge_all merge, exactly
  /// as far as they are told. Nests.
  void hold();
  void release();

  std::vector<MergeStatus> statuses() const;
  /// What was published last: all tables are complete up to it.
  std::optional<Position> common() const;

  /// Does what is due, at most one table, and says how long there is nothing to do. For the thread, and for tests.
  Duration step();

 private:
  struct Entry {
    Table table;
    std::optional<Watermark> watermark;
    bool begun = false;  ///< the watermark's row is this generation's
    bool look = false;  ///< an earlier process may have left truncates and moved keys that were not told
    Position reached;
    Position changed;  ///< the newest reached() with rows
    std::set<Position> truncates;
    std::set<Position> moved_keys;
    std::optional<Position> wanted;
    std::uint64_t attempts = 0;  ///< that ended
    bool running = false;
    Instant next_due;
    std::optional<Instant> retry_at;
    RetryPolicy retry;
    std::optional<Instant> retained_at;
    std::optional<Instant> waiting_since;
    std::optional<Instant> later_since;  ///< of what came while a window was under way
    MergeStatus status;

    bool dirty() const { return changed > merged(); }
    Position merged() const { return watermark ? watermark->position : table.floor.position; }
  };
  enum class Work : char { nothing, merge, retain };
  struct Choice {
    Work work = Work::nothing;
    RelationOid oid = 0;
    Duration wait{0};
  };

  /// The least position that all tables are complete up to once `merging` is at `through`; nullopt: no better one than is published.
  std::optional<Position> common_with(RelationOid merging, const Position& through) const;
  bool due_in_round(RelationOid oid, const Entry& entry, Instant now) const;
  void begin_round();
  /// A table that has stopped leaves once it is done.
  void leave_if_done(RelationOid oid);
  void table_reached(RelationOid oid, const Position& durable_through, std::uint64_t rows_changed);
  Choice choose() const;
  void merge(std::unique_lock<std::mutex>& lock, RelationOid oid);
  void retain(std::unique_lock<std::mutex>& lock, RelationOid oid);
  void failed(std::unique_lock<std::mutex>& lock, RelationOid oid, Error error);
  void run(const std::stop_token& stop);

  const Settings settings_;
  const Clock& clock_;
  std::unique_ptr<Random> own_random_;
  Random& random_;
  SqlClient& sql_;
  const WatermarkTable watermarks_;
  TableMerge table_merge_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::mutex working_;  ///< one statement at a time, whoever's thread runs it
  std::map<RelationOid, Watermark> loaded_;
  std::map<RelationOid, std::pair<Position, Position>> removed_;  ///< reached and changed of tables that may come back
  std::map<RelationOid, Entry> entries_;
  Position durable_;
  std::optional<Position> common_;
  std::set<RelationOid> round_;  ///< tables that are merged to `round_through_`, one after the other
  Position round_through_;
  Instant round_began_;
  int holds_ = 0;
  bool awake_ = false;
  std::jthread thread_;
};

}  // namespace luge
