#include "destination/duckdb/mirror_transaction.h"

#include <utility>

#include "base/log.h"
#include "destination/duckdb/log_writer.h"
#include "destination/duckdb/mirror_writer.h"
#include "destination/duckdb/shape_change.h"
#include "destination/duckdb/table_transfer.h"
#include "model/chunk_codec.h"

namespace luge {

namespace {

bool takes_rows(TableState state) { return state == TableState::live || state == TableState::catching_up || state == TableState::resyncing; }

}  // namespace

Status MirrorTransaction::begin(Fence fence) {
  if (open_) return ok();
  changes_.clear();
  changed_.clear();
  outdated_copies_.clear();
  placement_.begin();
  moment_ = copies_.next_moment();
  CHECK_OK(connection_.begin());
  open_ = true;
  return MirrorCatalog::check_fence(connection_, fence);
}

Result<TableChanges*> MirrorTransaction::changes_of(RelationOid oid, const TableSchemaPtr& schema) {
  MirrorTable* table = catalog_.find(oid);
  if (table == nullptr) return fatal("unknown_table", "changes of a table that was never announced (oid " + std::to_string(oid) + ")");
  if (!takes_rows(table->record.state)) return nullptr;
  if (auto found = changes_.find(oid); found != changes_.end()) return &found->second;
  if (!table->record.schema) {
    if (!schema) return nullptr;
    // A table that is live without ever having been copied begins with its first row.
    if (auto unfit = unfit_shape(*schema, log_mode_)) {
      CHECK_OK(quarantine(*table, std::move(*unfit)));
      return nullptr;
    }
    TRY(auto place, placement_.claim(connection_, oid, schema->name));
    if (auto* why = std::get_if<Quarantine>(&place)) {
      CHECK_OK(quarantine(*table, std::move(*why)));
      return nullptr;
    }
    MirrorTable made = *table;
    made.target = std::get<TargetName>(place);
    made.record.schema = schema;
    made.record.name = schema->name;
    CHECK_OK(log_mode_ ? create_log_table(connection_, made.target, *schema) : create_mirror_table(connection_, made.target, *schema));
    CHECK_OK(catalog_.save(connection_, std::move(made)));
    table = catalog_.find(oid);
  }
  return &changes_.emplace(oid, TableChanges(table->record.schema, log_mode_)).first->second;
}

Status MirrorTransaction::apply(Rows op, Epoch epoch) {
  const RelationOid oid = op.chunk.schema->oid;
  if (op.chunk.rows == 0) return ok();
  if (op.route.kind == Route::Kind::pending) return pending_.add(connection_, op.route.attempt, epoch, op.chunk);
  if (!op.chunk.runs.empty()) placement_.tell(oid, {epoch, op.chunk.runs.back().commit_lsn, op.chunk.ordinals.back()});
  TRY(TableChanges * changes, changes_of(oid, op.chunk.schema));
  if (changes == nullptr) return ok();
  CHECK_OK(changes->add(connection_, place_of(oid), epoch, std::move(op.chunk)));
  return settle(oid);
}

Status MirrorTransaction::apply(const Truncate& op) {
  if (op.route.kind == Route::Kind::pending) return pending_.add(connection_, op.route.attempt, op);
  TRY(TableChanges * changes, changes_of(op.oid, nullptr));
  if (changes == nullptr) return ok();
  CHECK_OK(changes->truncate(connection_, place_of(op.oid), op));
  return settle(op.oid);
}

Status MirrorTransaction::flush() {
  for (auto& [oid, changes] : changes_) {
    CHECK_OK(changes.flush(connection_, place_of(oid)));
    CHECK_OK(settle(oid));
  }
  return ok();
}

Status MirrorTransaction::settle(RelationOid oid) {
  const auto found = changes_.find(oid);
  MirrorTable* table = catalog_.find(oid);
  if (found == changes_.end() || table == nullptr || !takes_rows(table->record.state)) return ok();
  TableChanges& changes = found->second;
  if (changes.stopped()) return quarantine(*table, *changes.stopped());
  // It may have had this name before, and stepped aside for another table.
  const bool away = placement_.told(oid) != Position{} && placement_.home_of(changes.schema()->name) != table->target;
  if (changes.schema() == table->record.schema && !away) return ok();
  const bool renamed = away || changes.schema()->name != table->record.schema->name;
  const bool reshaped = !same_shape(*changes.schema(), *table->record.schema);
  if (renamed) return rename(*table, changes, changes.schema()->name);
  table->record.schema = changes.schema();  // the same shape in a newer object: nothing to store
  if (!reshaped) return ok();
  changed_[oid] = true;
  return catalog_.save(connection_, *table);
}

Status MirrorTransaction::rename(MirrorTable& table, TableChanges& changes, const TableName& name) {
  TRY(auto place, placement_.claim(connection_, table.record.oid, name));
  MirrorTable moved = *catalog_.find(table.record.oid);
  if (auto* why = std::get_if<Quarantine>(&place)) return quarantine(std::move(moved), std::move(*why));
  const TargetName from = std::exchange(moved.target, std::get<TargetName>(place));
  CHECK_OK(TablePlacement::move(connection_, from, moved.target));
  moved.record.name = name;
  moved.record.schema = changes.schema();
  changed_[moved.record.oid] = true;
  const bool left = moved.target != from;
  CHECK_OK(catalog_.save(connection_, std::move(moved)));
  return left ? placement_.give_back(connection_, from) : ok();
}

Status MirrorTransaction::quarantine(MirrorTable table, Quarantine why) {
  const RelationOid oid = table.record.oid;
  log_event(LogLevel::error, "table_quarantined", why.reason,
            {{"table", to_string(table.record.name)},
             {"code", why.code},
             {"column", why.column},
             {"lsn", to_string(why.position.commit_lsn)},
             {"fix", why.fix}});
  table.record.state = TableState::quarantined;
  table.record.quarantine = std::move(why);
  table.record.snapshot.reset();
  changed_[oid] = true;
  return catalog_.save(connection_, std::move(table));
}

Status MirrorTransaction::apply(const SetTable& op) {
  const RelationOid oid = op.record.oid;
  if (auto found = changes_.find(oid); found != changes_.end()) {
    CHECK_OK(found->second.flush(connection_, place_of(oid)));
    CHECK_OK(settle(oid));
  }
  MirrorTable next;
  next.record = op.record;
  if (const MirrorTable* known = catalog_.find(oid);
      known != nullptr && op.record.schema && known->record.schema && takes_rows(known->record.state)) {
    // A shape that no row has told: the table follows it now, in its place between the rows.
    TRY(TableChanges * changes, changes_of(oid, nullptr));
    if (changes != nullptr) {
      placement_.tell(oid, TablePlacement::kLatest);
      CHECK_OK(changes->reshape(connection_, place_of(oid), op.record.schema));
      CHECK_OK(settle(oid));
    }
  }
  if (const MirrorTable* known = catalog_.find(oid)) {
    const TableRecord& record = known->record;
    // The pipeline may not have heard yet that this table stopped here: only a new attempt leads out of quarantine.
    const bool stale = record.state == TableState::quarantined && op.record.attempt == record.attempt && takes_rows(op.record.state);
    if (stale) return ok();
    // What stands in the file is the destination's knowledge: shape and place follow the rows, not the pipeline's view of them.
    next.target = known->target;
    next.record.schema = record.schema;
    if (record.schema) next.record.name = record.name;
    if (op.record.attempt > record.attempt) {
      CHECK_OK(pending_.forget_before(connection_, oid, op.record.attempt));
      outdated_copies_[oid] = op.record.attempt;
    }
  } else {
    next.record.schema = nullptr;
  }
  return catalog_.save(connection_, std::move(next));
}

/// The shadow as this transaction can use it. If this transaction began before the copy was done, it does not see the shadow: then
/// the rows are carried over by a second connection (rare: the end of a transaction larger than a batch).
Result<TargetName> MirrorTransaction::fetch_shadow(const FinishCopy& op) {
  const TargetName shadow = ShadowCopies::name_of(*op.schema, op.attempt);
  if (copies_.finished_before(op.oid, op.attempt, moment_)) return shadow;
  if (!copies_.finished(op.oid, op.attempt)) {
    return make_error(Recovery::retry, "copy_missing", "copy " + std::to_string(op.attempt) + " of " + to_string(op.schema->name) + " is not there",
                      "luge starts it again");
  }
  const TargetName carried{shadow.schema, shadow.table + "_carried"};
  CHECK_OK(log_mode_ ? create_log_table(connection_, carried, *op.schema) : create_mirror_table(connection_, carried, *op.schema));
  TRY(auto other, connection_.database().connect());
  CHECK_OK(transfer_rows(*other, shadow, connection_, carried));
  outdated_copies_[op.oid] = op.attempt + 1;
  return carried;
}

Status MirrorTransaction::replay_pending(const FinishCopy& op, const TargetName& target, TableChanges& changes) {
  std::size_t bytes = 0;
  PendingChanges::Visitor visitor;
  visitor.rows = [&](Epoch epoch, TableChunk chunk) -> Status {
    drop_visible(chunk, op.snapshot);
    bytes += chunk.bytes();
    CHECK_OK(changes.add(connection_, target, epoch, std::move(chunk)));
    constexpr std::size_t kFlushBytes = 32U << 20;
    if (bytes < kFlushBytes) return ok();
    bytes = 0;
    return changes.flush(connection_, target);
  };
  visitor.truncate = [&](const Truncate& truncate) -> Status {
    if (op.snapshot.visible(truncate.xid)) return ok();
    return changes.truncate(connection_, target, truncate);
  };
  CHECK_OK(pending_.replay(connection_, op.oid, op.attempt, visitor));
  return changes.flush(connection_, target);
}

Status MirrorTransaction::drop(const TargetName& table, std::string_view doing) {
  CHECK_OK(connection_.execute("DROP TABLE IF EXISTS " + connection_.database().qualified(table), doing));
  return ok();
}

Result<TableChanges> MirrorTransaction::continue_log(const FinishCopy& op, const TargetName& shadow, Epoch epoch) {
  const MirrorTable& table = *catalog_.find(op.oid);
  TableChanges changes(table.record.schema, log_mode_);
  CHECK_OK(changes.reshape(connection_, table.target, op.schema, op.attempt));
  if (!changes.stopped()) CHECK_OK(append_copy_to_log(connection_, table.target, shadow, *op.schema, epoch));
  CHECK_OK(drop(shadow, "dropping a copy that is in its log"));
  return changes;
}

Status MirrorTransaction::apply(const FinishCopy& op, Epoch epoch) {
  const MirrorTable* known = catalog_.find(op.oid);
  if (known == nullptr || known->record.attempt != op.attempt) return ok();  // a newer attempt has begun
  if (auto found = changes_.find(op.oid); found != changes_.end()) {
    CHECK_OK(found->second.flush(connection_, place_of(op.oid)));
    CHECK_OK(settle(op.oid));
    changes_.erase(found);
  }
  TRY(const TargetName shadow, fetch_shadow(op));
  MirrorTable next = *catalog_.find(op.oid);
  const bool stood = next.record.schema != nullptr;
  const TargetName before = next.target;
  const bool goes_on = stood && log_mode_;
  const TargetName& stands = goes_on ? before : shadow;
  TRY(TableChanges changes, goes_on ? continue_log(op, shadow, epoch) : Result<TableChanges>(TableChanges(op.schema, log_mode_)));
  CHECK_OK(replay_pending(op, stands, changes));
  CHECK_OK(pending_.forget_before(connection_, op.oid, op.attempt + 1));

  if (stood && !goes_on) {
    CHECK_OK(drop(before, "replacing " + to_string(next.record.name) + " by its copy"));
    next.record.schema = nullptr;
    CHECK_OK(catalog_.save(connection_, next));  // its old place is free for claim()
  }
  const TableName& name = changes.schema()->name;
  TRY(auto place, placement_.claim(connection_, op.oid, name));
  next.record.name = name;
  next.record.state = TableState::catching_up;
  next.record.snapshot = op.snapshot;
  next.record.quarantine.reset();
  next.record.file_node = op.file_node;
  if (goes_on) next.record.schema = changes.schema();
  if (auto* why = std::get_if<Quarantine>(&place)) {
    if (!goes_on) CHECK_OK(drop(shadow, "dropping a copy that has no place"));
    return quarantine(std::move(next), std::move(*why));
  }
  next.target = std::get<TargetName>(place);
  CHECK_OK(TablePlacement::move(connection_, stands, next.target));
  next.record.schema = changes.schema();
  const bool left = stood && next.target != before;
  if (!same_shape(*next.record.schema, *op.schema) || next.record.name != op.schema->name) changed_[op.oid] = true;
  if (changes.stopped()) {
    CHECK_OK(quarantine(std::move(next), *changes.stopped()));
  } else {
    CHECK_OK(catalog_.save(connection_, std::move(next)));
  }
  return left ? placement_.give_back(connection_, before) : ok();
}

Status MirrorTransaction::commit() {
  auto done = connection_.commit();
  if (!done) return done;  // rollback() tidies up
  open_ = false;
  changes_.clear();
  catalog_.committed();
  return ok();
}

void MirrorTransaction::rollback() {
  changes_.clear();
  changed_.clear();
  outdated_copies_.clear();
  catalog_.rolled_back();
  if (!open_) return;
  open_ = false;
  connection_.rollback();
}

std::vector<TableRecord> MirrorTransaction::changed_records() const {
  std::vector<TableRecord> records;
  for (const auto& [oid, changed] : changed_) {
    if (const MirrorTable* table = catalog_.find(oid)) records.push_back(table->record);
  }
  return records;
}

}  // namespace luge
