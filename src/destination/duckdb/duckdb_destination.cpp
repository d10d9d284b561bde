#include "destination/duckdb/duckdb_destination.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/mirror_catalog.h"
#include "destination/duckdb/mirror_transaction.h"
#include "destination/duckdb/open_readers.h"
#include "destination/duckdb/pending_changes.h"
#include "destination/duckdb/shadow_copies.h"
#include "destination/duckdb/shape_change.h"

namespace luge {

namespace {

constexpr auto kLingeringHandles = std::chrono::seconds(5);  ///< how long open() waits for copies and readers of before
constexpr auto kIntentInterval = std::chrono::seconds(5);
constexpr std::uint64_t kCommitsPerPruning = 10'000;

bool has_changes(const Batch& batch) {
  return std::any_of(batch.ops.begin(), batch.ops.end(),
                     [](const BatchOp& op) { return std::holds_alternative<Rows>(op) || std::holds_alternative<Truncate>(op); });
}

bool only_reads(const Batch& batch) {
  return std::all_of(batch.ops.begin(), batch.ops.end(),
                     [](const BatchOp& op) { return std::holds_alternative<Barrier>(op) || std::holds_alternative<AbortOpenTransaction>(op); });
}

class DuckdbDestination final : public Destination {
 public:
  explicit DuckdbDestination(DuckdbOptions options) : options_(std::move(options)) {}
  ~DuckdbDestination() override { let_go(ReaderEnd::stopping); }

  Result<Frontier> open(const OpenRequest& request) override;
  Result<Frontier> apply(Batch batch) override;
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr schema, Attempt attempt) override;
  Status drop_copy(RelationOid oid, Attempt attempt) override;
  Result<std::shared_ptr<ReadHandle>> read() override;
  Status record_intent(const Intent& intent) override;
  Status begin_epoch(Epoch epoch) override;
  Status close() override;

 private:
  Result<Frontier> try_open(const OpenRequest& request);
  Result<std::shared_ptr<DuckdbDatabase>> open_database();
  Status adopt_leftovers();
  Status run(Batch& batch, Frontier& answer);
  Status commit(const Batch& batch);
  void after_commit();
  Status store_intent();
  void fill(Frontier& frontier) const;
  void end_readers(ReaderEnd why);
  void let_go(ReaderEnd why);
  std::shared_ptr<DuckdbDatabase> database() const;

  const DuckdbOptions options_;
  mutable std::mutex mutex_;                   ///< guards database_, copies_ and readers_, which other threads ask for
  std::shared_ptr<DuckdbDatabase> database_;
  std::weak_ptr<const void> last_database_;    ///< its presence
  std::shared_ptr<ShadowCopies> copies_;
  std::shared_ptr<OpenReaders> readers_;

  // Worker's thread only.
  std::unique_ptr<DuckdbConnection> connection_;
  std::unique_ptr<MirrorCatalog> catalog_;
  std::unique_ptr<PendingChanges> pending_;
  std::unique_ptr<MirrorTransaction> transaction_;
  OpenRequest request_;
  std::string uuid_;
  Checkpoint durable_;
  Intent intent_;      ///< the newest; perhaps of an epoch that has no checkpoint yet
  Lsn stored_intent_;  ///< beside the checkpoint, and of its epoch
  bool open_transaction_changes_ = false;
  std::chrono::steady_clock::time_point intent_written_{};
  std::uint64_t commits_ = 0;
  std::atomic<Epoch> epoch_{0};
};

std::shared_ptr<DuckdbDatabase> DuckdbDestination::database() const {
  std::lock_guard lock(mutex_);
  return database_;
}

Error not_open() {
  return make_error(Recovery::retry, "closed", "the mirror is not open: luge is starting, stopping, or reopening it after a failure",
                    "ask again in a moment");
}

void DuckdbDestination::end_readers(ReaderEnd why) {
  std::unique_lock lock(mutex_);
  const auto readers = readers_;
  lock.unlock();
  if (readers) readers->end(why);
}

void DuckdbDestination::let_go(ReaderEnd why) {
  end_readers(why);
  if (transaction_) transaction_->rollback();
  transaction_.reset();
  pending_.reset();
  catalog_.reset();
  connection_.reset();
  std::lock_guard lock(mutex_);
  if (database_) last_database_ = database_->presence();
  database_.reset();
  readers_.reset();
}

Result<std::shared_ptr<DuckdbDatabase>> DuckdbDestination::open_database() {
  // Copies and readers of an earlier opening may still hold the file for a moment.
  const auto deadline = std::chrono::steady_clock::now() + kLingeringHandles;
  while (!last_database_.expired() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (!last_database_.expired()) {
    return make_error(Recovery::retry, "locked", options_.path + " is still held open by a query of this luge that does not end",
                      "luge tries again by itself; a restart ends the query");
  }
  return DuckdbDatabase::open(options_);
}

Result<Frontier> DuckdbDestination::open(const OpenRequest& request) {
  let_go(ReaderEnd::reopening);
  auto frontier = try_open(request);
  if (!frontier) let_go(ReaderEnd::reopening);
  return frontier;
}

Result<Frontier> DuckdbDestination::try_open(const OpenRequest& request) {
  TRY(auto opened, open_database());
  TRY(connection_, opened->connect());
  catalog_ = std::make_unique<MirrorCatalog>();
  pending_ = std::make_unique<PendingChanges>();
  request_ = request;
  TRY(const auto identity, catalog_->open(*connection_, request));
  uuid_ = identity.uuid;
  durable_ = identity.checkpoint;
  stored_intent_ = identity.intent;
  intent_ = {durable_.epoch, stored_intent_};
  epoch_ = durable_.epoch;
  CHECK_OK(pending_->open(*connection_));
  CHECK_OK(adopt_leftovers());
  auto copies = std::make_shared<ShadowCopies>(request.log_mode);
  transaction_ = std::make_unique<MirrorTransaction>(*connection_, *catalog_, *pending_, *copies, request.log_mode);
  {
    std::lock_guard lock(mutex_);
    copies_ = std::move(copies);
    readers_ = std::make_shared<OpenReaders>();
    database_ = std::move(opened);
  }
  Frontier frontier;
  fill(frontier);
  frontier.newest_epoch = std::max(identity.newest_epoch, durable_.epoch);
  frontier.catalog_memory = identity.catalog_memory;
  for (const auto& [oid, table] : catalog_->tables()) frontier.tables.push_back(table.record);
  return frontier;
}

/// What a crash left behind, and what somebody took away.
Status DuckdbDestination::adopt_leftovers() {
  CHECK_OK(ShadowCopies::sweep(*connection_, [&](RelationOid oid, Attempt attempt) {
    const MirrorTable* table = catalog_->find(oid);
    return table != nullptr && table->record.attempt == attempt;
  }));
  TRY(const auto rows,
      connection_->rows("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_catalog()", "looking for the tables"));
  CHECK_OK(connection_->begin());
  const auto work = [&]() -> Status {
    for (const auto& [oid, table] : std::map<RelationOid, MirrorTable>(catalog_->tables())) {
      CHECK_OK(pending_->forget_before(*connection_, oid, table.record.attempt));
      if (!table.record.schema) continue;
      const bool there =
          std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[0] == table.target.schema && row[1] == table.target.table; });
      if (there) continue;
      MirrorTable gone = table;
      gone.record.schema = nullptr;
      if (const TableState state = table.record.state; state != TableState::dropped && state != TableState::quarantined) {
        gone.record.state = TableState::quarantined;
        gone.record.quarantine = Quarantine{"missing", "its table was removed from the mirror", "", "", {}, resync_command(table.record.name)};
      }
      CHECK_OK(catalog_->save(*connection_, std::move(gone)));
    }
    return connection_->commit();
  };
  auto done = work();
  if (!done) connection_->rollback();
  catalog_->committed();
  return done;
}

void DuckdbDestination::fill(Frontier& frontier) const {
  frontier.mirror_uuid = uuid_;
  frontier.fence = request_.fence;
  frontier.checkpoint = durable_;
  frontier.intent = stored_intent_;
}

Result<Frontier> DuckdbDestination::apply(Batch batch) {
  if (!transaction_) return not_open();
  const auto begin = std::chrono::steady_clock::now();
  Frontier answer;
  auto done = run(batch, answer);
  if (!done) {
    transaction_->rollback();
    open_transaction_changes_ = false;
    return std::move(done).error();
  }
  for (const BatchOp& op : batch.ops) {
    const auto* barrier = std::get_if<Barrier>(&op);
    if (barrier == nullptr) continue;
    TRY(auto reader, read());
    answer.barriers.push_back({barrier->id, std::move(reader)});
  }
  fill(answer);
  answer.rows_applied = batch.rows;
  answer.busy = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  return answer;
}

Status DuckdbDestination::run(Batch& batch, Frontier& answer) {
  const bool changes = has_changes(batch);
  const bool aborts =
      std::any_of(batch.ops.begin(), batch.ops.end(), [](const BatchOp& op) { return std::holds_alternative<AbortOpenTransaction>(op); });
  // A replay: everything up to the checkpoint is here already, whole transactions only.
  if (batch.complete && !aborts && (changes || open_transaction_changes_) && batch.checkpoint <= durable_) {
    transaction_->rollback();
    open_transaction_changes_ = false;
    return ok();
  }
  if (aborts) {
    transaction_->rollback();
    open_transaction_changes_ = false;
  }
  if (only_reads(batch) && batch.checkpoint <= durable_ && !transaction_->is_open()) return ok();

  epoch_ = batch.checkpoint.epoch;
  CHECK_OK(transaction_->begin(request_.fence));
  for (BatchOp& op : batch.ops) {
    if (auto* rows = std::get_if<Rows>(&op)) {
      CHECK_OK(transaction_->apply(std::move(*rows), batch.checkpoint.epoch));
    } else if (const auto* truncate = std::get_if<Truncate>(&op)) {
      CHECK_OK(transaction_->apply(*truncate));
    } else if (const auto* set = std::get_if<SetTable>(&op)) {
      CHECK_OK(transaction_->apply(*set));
    } else if (const auto* finish = std::get_if<FinishCopy>(&op)) {
      CHECK_OK(transaction_->apply(*finish, batch.checkpoint.epoch));
    } else if (const auto* remember = std::get_if<RememberCatalog>(&op)) {
      CHECK_OK(MirrorCatalog::remember(*connection_, remember->memory));
    } else if (std::holds_alternative<Barrier>(op)) {
      if (!batch.complete) return fatal("protocol", "a barrier inside a transaction");
    }
  }
  CHECK_OK(transaction_->flush());
  open_transaction_changes_ = open_transaction_changes_ || changes;
  if (!batch.complete) return ok();
  CHECK_OK(commit(batch));
  answer.tables = transaction_->changed_records();
  after_commit();
  return ok();
}

Status DuckdbDestination::commit(const Batch& batch) {
  const Checkpoint next = std::max(durable_, batch.checkpoint);
  const Lsn intent = intent_.within(next.epoch);
  if (next > durable_ || intent > stored_intent_) CHECK_OK(MirrorCatalog::write_checkpoint(*connection_, next, intent, request_.fence));
  if (++commits_ % kCommitsPerPruning == 0) CHECK_OK(MirrorCatalog::prune_checkpoints(*connection_));
  CHECK_OK(transaction_->commit());
  durable_ = next;
  stored_intent_ = intent;
  intent_written_ = std::chrono::steady_clock::now();
  open_transaction_changes_ = false;
  return ok();
}

/// Copies that nobody wants any more. On their own and without consequence: a copy thread may be writing into one right now.
void DuckdbDestination::after_commit() {
  for (const auto& [oid, attempt] : transaction_->outdated_copies()) {
    const auto dropped = ShadowCopies::drop_older(*connection_, oid, attempt);
    if (!dropped) log_event(LogLevel::info, "copy_not_dropped", dropped.error().what, {{"oid", oid}});
  }
}

Result<std::unique_ptr<CopyWriter>> DuckdbDestination::begin_copy(TableSchemaPtr schema, Attempt attempt) {
  std::unique_lock lock(mutex_);
  if (!database_) return not_open();
  const auto database = database_;
  const auto copies = copies_;
  lock.unlock();
  return copies->begin(database, schema, attempt, epoch_);
}

Status DuckdbDestination::drop_copy(RelationOid oid, Attempt attempt) {
  const auto held = database();
  if (!held) return not_open();
  TRY(auto connection, held->connect());
  return ShadowCopies::sweep(*connection, [&](RelationOid found, Attempt found_attempt) { return found != oid || found_attempt != attempt; });
}

Result<std::shared_ptr<ReadHandle>> DuckdbDestination::read() {
  std::unique_lock lock(mutex_);
  if (!database_) return not_open();
  const auto database = database_;
  const auto readers = readers_;
  lock.unlock();
  return readers->open(database);
}

Status DuckdbDestination::record_intent(const Intent& intent) {
  if (!transaction_) return not_open();
  intent_ = std::max(intent_, intent);
  const bool soon_enough = std::chrono::steady_clock::now() - intent_written_ < kIntentInterval;
  if (transaction_->is_open() || soon_enough) return ok();  // the next commit or close() stores it
  return store_intent();
}

Status DuckdbDestination::begin_epoch(Epoch epoch) {
  if (!transaction_) return not_open();
  CHECK_OK(connection_->begin());
  const auto work = [&]() -> Status {
    CHECK_OK(MirrorCatalog::check_fence(*connection_, request_.fence));
    CHECK_OK(MirrorCatalog::begin_epoch(*connection_, epoch));
    return connection_->commit();
  };
  auto done = work();
  if (!done) connection_->rollback();
  return done;
}

Status DuckdbDestination::store_intent() {
  const Lsn newest = intent_.within(durable_.epoch);
  if (newest <= stored_intent_) return ok();
  CHECK_OK(MirrorCatalog::check_fence(*connection_, request_.fence));
  CHECK_OK(MirrorCatalog::write_checkpoint(*connection_, durable_, newest, request_.fence));
  stored_intent_ = newest;
  intent_written_ = std::chrono::steady_clock::now();
  return ok();
}

Status DuckdbDestination::close() {
  if (!transaction_) return ok();
  end_readers(ReaderEnd::stopping);
  transaction_->rollback();
  Status written = store_intent();
  // The log is folded into the file, so that a copy of the file alone is whole. Refused while somebody reads: then the log stays.
  const auto folded = connection_->execute("CHECKPOINT", "closing the mirror");
  if (!folded) log_event(LogLevel::info, "wal_kept", folded.error().what);
  let_go(ReaderEnd::stopping);
  return written;
}

}  // namespace

std::unique_ptr<Destination> make_duckdb_destination(DuckdbOptions options) { return std::make_unique<DuckdbDestination>(std::move(options)); }

}  // namespace luge
