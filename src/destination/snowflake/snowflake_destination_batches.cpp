#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "base/log.h"
#include "destination/snowflake/current_state/state_view.h"
#include "destination/snowflake/encode/row_shards.h"
#include "destination/snowflake/snowflake_destination_impl.h"

namespace luge {

namespace {

/// The first place behind `position`.
Position behind(Position position) {
  if (position.ordinal == kWholeTransaction) return {position.epoch, Lsn{position.commit_lsn.value + 1}, 0};
  ++position.ordinal;
  return position;
}

Position position_of(const TableChunk& chunk, std::uint32_t row, Epoch epoch) {
  auto run = chunk.runs.begin();
  while (row >= run->end_row) ++run;
  return {epoch, run->commit_lsn, chunk.ordinals[row]};
}

/// Key changes that do not carry all values: a MERGE must take these from the row of the old key.
void note_lone_key_changes(const TableChunk& chunk, Epoch epoch, std::vector<Position>& positions) {
  if (chunk.present.empty() || chunk.schema->keyless()) return;
  for (std::uint32_t row = 0; row + 1 < chunk.rows; ++row) {
    if (chunk.ops[row] != RowOp::old_image) continue;
    for (std::size_t column = 0; column < chunk.columns.size(); ++column) {
      if (chunk.is_present(column, row + 1) || chunk.is_present(column, row)) continue;
      positions.push_back(position_of(chunk, row + 1, epoch));
      break;
    }
  }
}

}  // namespace

Status SnowflakeDestination::submit(Batch batch) {
  if (!pool_) return not_open();
  if (Status taken = try_submit(std::move(batch)); !taken) return gone_wrong(std::move(taken).error());
  return ok();
}

Status SnowflakeDestination::try_submit(Batch batch) {
  if (auto failed = pool_->failure()) return *failed;
  TakenBatch taken;
  taken.complete = batch.complete;
  taken.checkpoint = batch.checkpoint;
  taken.rows = batch.rows;
  if (batch.checkpoint.epoch != epoch_) {
    std::lock_guard lock(mutex_);
    epoch_ = batch.checkpoint.epoch;
  }
  if (epoch_ > control_->intent().epoch) {
    // Before its first row: channels and positions of an epoch must not be used again by who has lost the ledger.
    CHECK_OK(control_->record({epoch_, Lsn{}}));
    published_at_.reset();
  }
  const auto memory = std::make_shared<const MemoryReservation>(std::move(batch.memory));
  for (BatchOp& op : batch.ops) {
    if (auto* rows = std::get_if<Rows>(&op)) {
      CHECK_OK(take(taken, std::move(*rows), memory));
    } else if (const auto* truncate = std::get_if<Truncate>(&op)) {
      CHECK_OK(take(taken, *truncate));
    } else if (const auto* set = std::get_if<SetTable>(&op)) {
      CHECK_OK(take(taken, *set));
    } else if (const auto* finish = std::get_if<FinishCopy>(&op)) {
      CHECK_OK(take(taken, *finish));
    } else if (auto* remember = std::get_if<RememberCatalog>(&op)) {
      taken.catalog_memory = std::move(remember->memory);
    } else if (const auto* barrier = std::get_if<Barrier>(&op)) {
      taken.barriers.push_back(barrier->id);
    }
    // AbortOpenTransaction: what was sent of it comes again and is known by its positions.
  }
  for (auto& [oid, table] : tables_) {
    if (!table.changed) continue;
    table.changed = false;
    forget_merged(table);
    taken.entries[oid] = encode_table_entry(table.entry);
  }
  taken.told = std::exchange(told_, {});
  if (carried_) taken.follow(*std::exchange(carried_, std::nullopt));
  taken_.push_back(std::move(taken));
  return ok();
}

Result<LiveTable*> SnowflakeDestination::receiver(RelationOid oid, const Route& route) {
  LiveTable* table = find(oid);
  if (table == nullptr) return fatal("unknown_table", "changes of a table that was never announced (oid " + std::to_string(oid) + ")");
  if (pool_->stopped(oid)) return nullptr;
  if (route.kind == Route::Kind::pending) return route.attempt == table->record().attempt ? table : nullptr;
  return takes_rows(table->record().state) ? table : nullptr;
}

Status SnowflakeDestination::take(TakenBatch& taken, Rows op, const std::shared_ptr<const MemoryReservation>& memory) {
  TableChunk& chunk = op.chunk;
  if (chunk.rows == 0) return ok();
  const RelationOid oid = chunk.schema->oid;
  TRY(LiveTable * table, receiver(oid, op.route));
  if (table == nullptr) return ok();
  const Position first = position_of(chunk, 0, epoch_);
  const Position last = position_of(chunk, chunk.rows - 1, epoch_);
  const bool fresh = !table->sent_through || last > *table->sent_through;
  if (fresh) {
    if (!table->entry.has_log || table->record().schema != chunk.schema) CHECK_OK(reshape(*table, chunk.schema, first, chunk.runs.front().xid));
    if (table->record().state == TableState::quarantined) return ok();
    std::vector<Position> lone;
    if (keeper_->merges()) note_lone_key_changes(chunk, epoch_, lone);
    if (!lone.empty()) {
      table->entry.fold.lone_key_changes.insert(table->entry.fold.lone_key_changes.end(), lone.begin(), lone.end());
      table->changed = true;
      if (scheduler_) scheduler_->add_moved_keys(oid, lone);
    }
  }
  if (!table->entry.has_log) return ok();
  auto outgoing = std::make_shared<OutgoingChunk>();
  if (transform_) {
    std::lock_guard lock(transform_mutex_);
    TRY(chunk, transform_->apply(std::move(chunk)));
    outgoing->transformed = true;
  }
  const TableSchema& schema = *table->record().schema;
  outgoing->names = fresh ? names_of(schema, table->entry.layout) : std::vector<std::string>();
  outgoing->epoch = epoch_;
  outgoing->memory = memory;
  if (table->sent_through && first <= *table->sent_through) outgoing->sent_before = table->sent_through;
  const std::uint16_t shards = schema.keyless() ? std::uint16_t{1} : table->entry.shards;
  std::vector<std::optional<Position>> reach(shards);
  if (shards > 1) {
    outgoing->shard_of_row = row_shards(chunk, shards);
    std::uint16_t missing = shards;
    for (std::uint32_t row = chunk.rows; row-- > 0 && missing > 0;) {
      auto& end = reach[outgoing->shard_of_row[row]];
      if (end || chunk.ops[row] == RowOp::old_image) continue;
      end = position_of(chunk, row, epoch_);
      --missing;
    }
  } else {
    reach[0] = last;
  }
  outgoing->chunk = std::move(chunk);
  for (std::uint16_t shard = 0; shard < shards; ++shard) {
    // A transaction that comes again may have settled before its channels were left.
    if (!reach[shard] || *reach[shard] <= table->entry.generation_floor) continue;
    const auto& to = channel(*table, shard);
    if (fresh) CHECK_OK(pool_->send(to, outgoing));
    Position& need = taken.needs[to];
    need = std::max(need, *reach[shard]);
  }
  if (!table->sent_through || last > *table->sent_through) table->sent_through = last;
  taken.touched[oid] += outgoing->chunk.rows;
  return ok();
}

Status SnowflakeDestination::take(TakenBatch& taken, const Truncate& op) {
  TRY(LiveTable * table, receiver(op.oid, op.route));
  if (table == nullptr) return ok();
  if (!table->entry.has_log) {
    // There is no log to say it in, and no row before it but those of the copy.
    if (op.route.kind == Route::Kind::pending) table->entry.early_truncates.push_back(op.xid);
    table->changed = true;
    return ok();
  }
  const Position position{epoch_, op.position.commit_lsn, op.position.ordinal};
  const auto& to = channel(*table, 0);
  if (!table->sent_through || position > *table->sent_through) {
    CHECK_OK(pool_->send(to, op, table->record().schema, names_of(*table->record().schema, table->entry.layout), epoch_));
    table->sent_through = position;
    if (keeper_->merges()) {  // who folds by himself finds them in the log
      table->entry.fold.truncates.push_back(position);
      table->changed = true;
      if (scheduler_) scheduler_->add_truncates(op.oid, {position});
    }
  }
  taken.needs[to] = std::max(taken.needs[to], position);
  ++taken.touched[op.oid];
  return ok();
}

Status SnowflakeDestination::take(TakenBatch& taken, const SetTable& op) {
  const RelationOid oid = op.record.oid;
  LiveTable* known = find(oid);
  if (known == nullptr) {
    LiveTable& table = tables_[oid];
    table.entry.record = op.record;
    table.entry.record.schema = nullptr;
    table.entry.fold.floor = end_of(taken.checkpoint);  // a log that stands there already is an earlier life's
    table.changed = true;
    return ok();
  }
  TableEntry& entry = known->entry;
  TableRecord& record = entry.record;
  const bool stale = record.state == TableState::quarantined && op.record.attempt == record.attempt && takes_rows(op.record.state);
  if (stale) return ok();
  if (op.record.schema && entry.has_log && takes_rows(record.state) && takes_rows(op.record.state)) {
    // A shape that no row has told: the table follows it now, in its place between the rows.
    CHECK_OK(reshape(*known, op.record.schema, behind(known->sent_through.value_or(end_of(taken.checkpoint))), 0));
    if (record.state == TableState::quarantined) return ok();
  }
  TableRecord next = op.record;
  next.schema = record.schema;
  if (record.schema) next.name = record.name;
  const bool again = op.record.attempt > record.attempt;
  if (again && record.state == TableState::quarantined) healings_.erase(oid);
  if (next.state == TableState::quarantined && takes_rows(record.state) && entry.fold.active && keeper_->merges()) {
    const bool placed = next.quarantine && next.quarantine->position.commit_lsn.value != 0;
    entry.fold.last = placed ? before_transaction(next.quarantine->position) : end_of(meta_.checkpoint);
  }
  if (again && entry.fold.active && takes_rows(record.state) && scheduler_) {
    // The old rows are read until the copy is in place: what is durable of them is merged, and the copy does not wait for more.
    if (Status merged = scheduler_->merge_now(oid, end_of(meta_.checkpoint)); !merged) {
      log_event(LogLevel::warn, "merge_failed", merged.error().what, {{"table", to_string(record.name)}, {"code", merged.error().code}});
    }
  }
  record = std::move(next);
  known->changed = true;
  if (again) {
    // What is in the log by now is in the new copy, or belongs to an older one.
    entry.fold = {};
    entry.fold.floor = known->sent_through.value_or(end_of(taken.checkpoint));
    entry.fold.floor = std::max(entry.fold.floor, end_of(taken.checkpoint));
    entry.early_truncates.clear();
    known->shape_xid = 0;
    if (pool_->stopped(oid)) {
      pool_->forgive(oid);
      new_generation(*known, entry.fold.floor);
    }
  }
  if (record.state == TableState::live && entry.fold.snapshot) {
    // All that the copy has seen lies before this place by now.
    entry.fold.limit = std::min(entry.fold.limit, std::max(known->sent_through.value_or(Position{}), end_of(taken.checkpoint)));
  }
  schedule(*known);
  return ok();
}

Status SnowflakeDestination::take(TakenBatch& taken, const FinishCopy& op) {
  LiveTable* table = find(op.oid);
  if (table == nullptr) return fatal("unknown_table", "a copy of a table that was never announced (oid " + std::to_string(op.oid) + ")");
  TableEntry& entry = table->entry;
  auto copied = keeper_->layout_of(*op.schema);
  if (!copied) {
    if (copied.error().recovery != Recovery::quarantine_table) return std::move(copied).error();
    quarantine(*table, unfit(*op.schema, copied.error(), {}));
    return ok();
  }
  const Position limit = std::max(table->sent_through.value_or(Position{}), end_of(taken.checkpoint));
  // The log follows the newest shape: that of the copy, unless a row that the copy has not seen brought another one.
  const bool log_is_newer = entry.has_log && table->shape_xid != 0 && !op.snapshot.visible(table->shape_xid);
  entry.record.state = TableState::catching_up;
  entry.record.attempt = op.attempt;
  entry.record.snapshot = op.snapshot;
  entry.record.quarantine.reset();
  entry.record.file_node = op.file_node;
  table->changed = true;
  if (!log_is_newer) {
    // A renamed table, or the first: the log is made under the new name, and the channels go with it.
    if (entry.has_log && entry.layout.place != copied->place) {
      CHECK_OK(settle(*table));
      entry.has_log = false;
      new_generation(*table, limit);
    }
    if (!entry.has_log || !same_shape(*entry.record.schema, *op.schema)) {
      CHECK_OK(settle(*table));
      TableLayout next = entry.has_log ? evolve_layout(entry.layout, *copied, behind(limit)) : *copied;
      if (Status adopted = adopt_layout(*table, std::move(next), op.schema); !adopted) {
        if (adopted.error().recovery != Recovery::quarantine_table) return adopted;
        quarantine(*table, unfit(*op.schema, adopted.error(), limit));
        return ok();
      }
    } else {
      if (entry.record.name != op.schema->name) told_.insert(op.oid);
      entry.record.schema = op.schema;
      entry.record.name = op.schema->name;
    }
  }
  const auto unseen = [&](Xid xid) { return !op.snapshot.visible(xid); };
  if (std::any_of(entry.early_truncates.begin(), entry.early_truncates.end(), unseen)) CHECK_OK(keeper_->empty_copy(*copied, op.attempt));
  entry.early_truncates.clear();
  // Rows of an earlier process may lie behind what this one has sent. Those that the copy has seen are never sent again.
  const std::optional<CopyHandover> handover = CopyHandover{op.snapshot, {epoch_, Lsn{UINT64_MAX}, kWholeTransaction}};
  if (keeper_->merges()) {
    if (scheduler_) scheduler_->remove_table(op.oid);
    if (Status placed = keeper_->place_copy(*copied, op.attempt, keeper_->mark_of_copy(op.oid, epoch_, op.attempt)); !placed) {
      if (placed.error().recovery != Recovery::quarantine_table) return placed;
      quarantine(*table, unfit(*op.schema, placed.error(), limit));
      return ok();
    }
    if (log_is_newer) {
      TRY(const auto needs_copy, keeper_->shape_state(&*copied, entry.layout));
      if (needs_copy) {
        quarantine(*table, {std::string(kTypeChanged), *needs_copy, "", "", limit, resync_command(op.schema->name)});
        return ok();
      }
    }
    entry.fold.snapshot = op.snapshot;
    entry.fold.limit = handover->limit;
  } else {
    CHECK_OK(settle(*table));
    const Status logged = keeper_->log_copy(*copied, entry.layout, op.attempt, entry.fold.floor, handover);
    if (!logged && logged.error().recovery == Recovery::quarantine_table) {
      quarantine(*table, unfit(*op.schema, logged.error(), limit));
      return ok();
    }
    CHECK_OK(logged);
    if (keeper_->views()) CHECK_OK(keeper_->run({view_sql(entry)}));
  }
  entry.fold.active = keeper_->merges() || keeper_->views();
  schedule(*table);
  taken.touched[op.oid] += 1;
  return ok();
}

}  // namespace luge
