#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "destination/snowflake/actors/actor_pool.h"
#include "destination/snowflake/control_channel.h"
#include "destination/snowflake/current_state/merge_scheduler.h"
#include "destination/snowflake/live_table.h"
#include "destination/snowflake/sdk/python_transform.h"
#include "destination/snowflake/snowflake_destination.h"
#include "destination/snowflake/table_keeper.h"
#include "destination/snowflake/taken_batch.h"

namespace luge {

inline constexpr std::uint64_t kWholeTransaction = UINT64_MAX;
/// After so many of one table it stops: whoever changes it goes on doing so.
inline constexpr int kMostHealings = 5;

/// The place behind every change of the checkpoint's transaction.
inline Position end_of(const Checkpoint& checkpoint) { return {checkpoint.epoch, checkpoint.commit_lsn, kWholeTransaction}; }
/// Where a table's view is kept, what is durable shows as soon as it is said.
inline constexpr Duration kViewPublishing = std::chrono::seconds(1);
inline constexpr Duration kPublishing = std::chrono::seconds(10);
inline constexpr Duration kPublished = std::chrono::seconds(60);  ///< within which Snowflake commits it

/// The place behind all transactions before that of `position`.
inline Position before_transaction(const Position& position) {
  return {position.epoch, Lsn{position.commit_lsn.value == 0 ? 0 : position.commit_lsn.value - 1}, kWholeTransaction};
}
inline Error not_open() { return make_error(Recovery::retry, "not_open", "the Snowflake destination is not open"); }
/// The destination's names of the columns of `schema`, in order.
std::vector<std::string> names_of(const TableSchema& schema, const TableLayout& layout);

/// Its members by file: opening, copies, readers and the end in snowflake_destination.cpp; tables and their shapes in
/// snowflake_destination_tables.cpp; what comes with a batch in snowflake_destination_batches.cpp; answers, the ledger and trouble in
/// snowflake_destination_answers.cpp. The worker's thread, but for begin_copy, drop_copy, read and health.
class SnowflakeDestination final : public Destination {
 public:
  SnowflakeDestination(SnowflakeOptions options, LedgerStore& ledger, const Clock& clock)
      : options_(std::move(options)), ledger_(ledger), clock_(clock) {}
  ~SnowflakeDestination() override { let_go(); }

  Result<Frontier> open(const OpenRequest& request) override;
  Result<Frontier> apply(Batch /*batch*/) override { return fatal("protocol", "batches are submitted to Snowflake"); }
  bool pipelined() const override { return true; }
  Status submit(Batch batch) override;
  Result<std::optional<Frontier>> poll() override;
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr schema, Attempt attempt) override;
  Status drop_copy(RelationOid oid, Attempt attempt) override;
  Result<std::shared_ptr<ReadHandle>> read() override;
  Status record_intent(const Intent& intent) override;
  Status begin_epoch(Epoch epoch) override;
  Status close() override;
  std::optional<DestinationHealth> health() const override;
  bool wants_batch() const override;

 private:
  Status try_open(const OpenRequest& request, Frontier& frontier);
  Status try_submit(Batch batch);
  Result<std::optional<Frontier>> try_poll();
  /// The error as the worker hears it. Remembers what the next opening has to look at.
  Error gone_wrong(Error error);
  void note_failure();
  /// True: not again, it was tried too often.
  bool remember_to_heal(RelationOid oid, const Error& why);
  Status load(const std::map<std::string, std::string>& entries);
  void let_go();
  Status start_pool();
  std::string current_state() const;
  Status heal(LiveTable& table);
  /// Looks at tables about which something was wrong when the destination was left.
  Status heal_all();
  Status save(const std::vector<LedgerChange>& changes) { return ledger_.save_ledger(request_.pipeline, request_.fence, changes); }

  Status take(TakenBatch& taken, Rows op, const std::shared_ptr<const MemoryReservation>& memory);
  Status take(TakenBatch& taken, const Truncate& op);
  Status take(TakenBatch& taken, const SetTable& op);
  Status take(TakenBatch& taken, const FinishCopy& op);
  LiveTable* find(RelationOid oid);
  void forget_merged(LiveTable& table);
  /// The table as rows of this route may use it; nullptr: they are not wanted.
  Result<LiveTable*> receiver(RelationOid oid, const Route& route);
  /// Makes tables in Snowflake hold this shape, from `position` on.
  Status reshape(LiveTable& table, const TableSchemaPtr& schema, const Position& position, Xid xid);
  /// Its steps; an error with Recovery::quarantine_table is the table's.
  Status follow(LiveTable& table, const TableSchemaPtr& schema, const Position& position, Xid xid);
  Status reshape_merged(LiveTable& table, const TableLayout& before, TableLayout next, const TableSchemaPtr& schema, const Position& position);
  void leave_log(LiveTable& table);
  std::string view_sql(const TableEntry& entry) const;
  /// The checkpoint, for who has lost the ledger, and for views, which end there. `pause`: not again within.
  void publish(Duration pause);
  Status adopt_layout(LiveTable& table, TableLayout layout, const TableSchemaPtr& schema);
  Status settle(LiveTable& table);
  const std::shared_ptr<Channel>& channel(LiveTable& table, std::uint16_t shard);
  std::string channel_name(const TableEntry& entry, std::string_view kind, std::uint16_t shard) const;
  void new_generation(LiveTable& table, const Position& floor);
  /// `good_through`: its log and state fit each other, and whole transactions up to there are still merged.
  void quarantine(LiveTable& table, Quarantine why, std::optional<Position> good_through = std::nullopt);
  Quarantine unfit(const TableSchema& schema, const Error& error, const Position& position) const;
  void schedule(LiveTable& table);
  Status look_at_troubles();
  bool durable(const TakenBatch& taken) const;
  Status settle_ledger(const std::vector<TakenBatch*>& batches);
  Status answer(TakenBatch& taken);
  Frontier::ReadyBarrier answer_barrier(std::uint64_t id, const Position& through);
  void answer_parts();
  Frontier frontier_now() const;
  Status merge_all(const Position& through);
  /// Rows landed behind the watermark in the time of an earlier process.
  bool unmerged(const LiveTable& table) const;

  const SnowflakeOptions options_;
  LedgerStore& ledger_;
  const Clock& clock_;
  OpenRequest request_;

  // Of one opening.
  std::stop_source stop_;
  std::shared_ptr<SnowflakeConnection> connection_;
  std::unique_ptr<SqlSession> merge_sql_;
  std::shared_ptr<TableKeeper> keeper_;
  std::shared_ptr<ActorPool> pool_;
  std::shared_ptr<MergeScheduler> scheduler_;
  std::unique_ptr<ControlChannel> control_;
  std::unique_ptr<PythonTransform> transform_;
  std::mutex transform_mutex_;
  MetaEntry meta_;
  std::optional<Instant> published_at_;
  Epoch epoch_ = 0;
  std::map<std::string, ChannelMark> marks_;  ///< as the ledger has them
  std::map<RelationOid, LiveTable> tables_;
  std::deque<TakenBatch> taken_;
  std::optional<TakenBatch> carried_;  ///< answered parts of a transaction whose next part has not come yet
  std::deque<Frontier> answers_;
  std::set<RelationOid> told_;  ///< tables that stopped by themselves since the last batch

  // Survive a reopening.
  std::map<RelationOid, Error> missing_;  ///< what MERGE did not find; under mutex_
  std::set<RelationOid> heal_;            ///< look at these tables first
  std::map<RelationOid, Error> hopeless_;  ///< was healed too often: stop them first
  std::map<RelationOid, int> healings_;   ///< of this process
  int stalls_ = 0;  ///< in a row: a service that is slow for long must get through some time
  bool ever_open_ = false;

  std::map<RelationOid, TablePlace> copy_places_;  ///< where copies of the tables stand; under mutex_, as tables_ is the worker's
  /// Protects for other threads: connection_, pool_, keeper_, scheduler_, transform_, stop_, and changes of epoch_.
  mutable std::mutex mutex_;
  bool open_ = false;
};

}  // namespace luge
