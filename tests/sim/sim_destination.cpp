#include "sim/sim_destination.h"

#include <algorithm>

#include "model/chunk_codec.h"

namespace luge {

namespace {

bool has_changes(const Batch& batch) {
  return std::any_of(batch.ops.begin(), batch.ops.end(),
                     [](const BatchOp& op) { return std::holds_alternative<Rows>(op) || std::holds_alternative<Truncate>(op); });
}

bool aborts(const Batch& batch) {
  return std::any_of(batch.ops.begin(), batch.ops.end(), [](const BatchOp& op) { return std::holds_alternative<AbortOpenTransaction>(op); });
}

bool forgets_copies(TableState state) { return state == TableState::waiting || state == TableState::resyncing; }

}  // namespace

Status SimDestination::check_fence(Fence fence) const {
  if (fence < store_.fence) return needs_operator("fenced", "another instance has opened the destination");
  return ok();
}

Result<Frontier> SimDestination::open(Fence fence) {
  CHECK_OK(check_fence(fence));
  store_.fence = fence;
  return frontier();
}

Frontier SimDestination::standing() const {
  Frontier frontier;
  frontier.mirror_uuid = "mirror";
  frontier.fence = store_.fence;
  frontier.checkpoint = store_.checkpoint;
  frontier.intent = store_.intent.within(store_.checkpoint.epoch);
  return frontier;
}

Frontier SimDestination::frontier() const {
  Frontier frontier = standing();
  frontier.catalog_memory = store_.catalog_memory;
  frontier.newest_epoch = std::max(store_.newest_epoch, store_.checkpoint.epoch);
  for (const auto& [oid, table] : store_.tables) frontier.tables.push_back(table->record);
  return frontier;
}

void SimDestination::restore(const MirrorStore& older) {
  const Fence fence = store_.fence;
  store_ = older;
  store_.fence = fence;
  for (auto& [oid, shadow] : store_.shadows) shadow = std::make_shared<Shadow>();  // unfinished: nobody may use them
  trace_([&] { return "dest    RESTORED to checkpoint " + to_string(store_.checkpoint.commit_lsn); });
}

Status SimDestination::begin_epoch(Fence fence, Epoch epoch) {
  CHECK_OK(check_fence(fence));
  store_.newest_epoch = std::max(store_.newest_epoch, epoch);
  return ok();
}

Status SimDestination::record_intent(Fence fence, const Intent& intent) {
  CHECK_OK(check_fence(fence));
  if (intent <= store_.intent) return ok();
  store_.intent = intent;
  marks_.hit(Mark::intents_copied);
  return ok();
}

MirrorTable& SimDestination::Writer::touch(RelationOid oid) {
  auto& copy = open_.tables[oid];
  if (!copy) {
    const auto found = destination_.store_.tables.find(oid);
    copy = found == destination_.store_.tables.end() ? std::make_shared<MirrorTable>() : std::make_shared<MirrorTable>(*found->second);
    copy->record.oid = oid;
  }
  return *copy;
}

Result<Frontier> SimDestination::Writer::apply(const Batch& batch, Lsn delivered, const Intent& intent) {
  CHECK_OK(destination_.check_fence(fence_));  // at the first statement already
  if (comes_again(batch)) {
    open_ = {};
  } else {
    take(batch, delivered);
    if (batch.complete) commit(batch.checkpoint, intent);
  }
  Frontier frontier = destination_.standing();
  frontier.rows_applied = batch.rows;
  return frontier;
}

// I3: up to the checkpoint everything is here already, whole transactions only.
bool SimDestination::Writer::comes_again(const Batch& batch) {
  const Checkpoint& durable = destination_.store_.checkpoint;
  const bool changes = open_.changes || has_changes(batch);
  if (!batch.complete || !changes || aborts(batch) || batch.checkpoint > durable) return false;
  destination_.watcher_->needless(
      "I3", "what ends at " + to_string(batch.checkpoint.commit_lsn) + " comes again; durable is " + to_string(durable.commit_lsn));
  return true;
}

void SimDestination::Writer::take(const Batch& batch, Lsn delivered) {
  ++open_.batches;
  for (const BatchOp& op : batch.ops) {
    if (const auto* chunk = std::get_if<Rows>(&op)) {
      rows(*chunk, batch.checkpoint.epoch);
    } else if (const auto* cut = std::get_if<Truncate>(&op)) {
      truncate(*cut);
    } else if (const auto* set = std::get_if<SetTable>(&op)) {
      set_table(*set, delivered);
    } else if (const auto* finish = std::get_if<FinishCopy>(&op)) {
      finish_copy(*finish);
    } else if (const auto* remember = std::get_if<RememberCatalog>(&op)) {
      open_.catalog_memory = remember->memory;
    } else if (std::holds_alternative<AbortOpenTransaction>(op)) {
      destination_.marks_.hit(Mark::open_transactions_aborted);
      destination_.trace_([] { return std::string("dest    open transaction rolled back"); });
      open_ = {};
      open_.batches = 1;
    }
  }
}

CopyNotes& SimDestination::Writer::notes(RelationOid oid) {
  const auto found = destination_.store_.notes.find(oid);
  return open_.notes.try_emplace(oid, found == destination_.store_.notes.end() ? CopyNotes{} : found->second).first->second;
}

// I3: positions of a table only grow, and nothing comes again that is durable.
bool SimDestination::Writer::take_position(MirrorTable& table, const Position& position) {
  DestinationWatcher& watcher = *destination_.watcher_;
  const Checkpoint& durable = destination_.store_.checkpoint;
  if (position.epoch < durable.epoch || (position.epoch == durable.epoch && position.commit_lsn <= durable.commit_lsn)) {
    watcher.fail("I3", "table " + to_string(table.record.name) + ": a change of " + to_string(position.commit_lsn) + " comes again; durable is " +
                           to_string(durable.commit_lsn));
    return false;
  }
  if (position < table.last) {
    watcher.fail("I3", "table " + to_string(table.record.name) + ": positions go back to " + to_string(position.commit_lsn));
    return false;
  }
  table.last = position;
  open_.changes = true;
  open_.last_commit = std::max(open_.last_commit, position.commit_lsn);
  return true;
}

bool SimDestination::Writer::takes_rows(const MirrorTable& table) {
  const TableState state = table.record.state;
  if (state == TableState::live || state == TableState::catching_up) return true;
  destination_.watcher_->needless("I3",
                                  "table " + to_string(table.record.name) + ": changes go into a table that is " + std::string(to_string(state)));
  return false;
}

void SimDestination::Writer::rows(const Rows& rows, Epoch epoch) {
  DestinationWatcher& watcher = *destination_.watcher_;
  const TableChunk& chunk = rows.chunk;
  MirrorTable& table = touch(chunk.schema->oid);
  const std::string name = to_string(chunk.schema->name);
  const bool live = rows.route.kind == Route::Kind::live;
  std::uint32_t row = 0;
  for (const TransactionRun& run : chunk.runs) {
    if (run.end_row > row && !watcher.check_run(chunk, row, run, notes(chunk.schema->oid))) return;
    for (; row < run.end_row; ++row) {
      if (!take_position(table, {epoch, run.commit_lsn, chunk.ordinals[row]})) return;
    }
  }
  if (row != chunk.rows) return watcher.fail("I6", "table " + name + ": rows that belong to no transaction");
  destination_.trace_([&] {
    return "dest      " + std::to_string(chunk.rows) + " rows of " + name + (live ? "" : " pending") + " up to " +
           to_string(chunk.runs.back().commit_lsn);
  });
  if (live) {
    if (!takes_rows(table)) return;
    if (table.record.snapshot) {
      for (const TransactionRun& run : chunk.runs) {
        if (table.record.snapshot->visible(run.xid)) return watcher.fail("I9", "table " + name + ": a change that its copy has already seen");
      }
    }
    if (auto problem = table.rows.apply(chunk))
      return watcher.fail(problem->substr(0, 2).c_str(),
                          "table " + name + " at " + to_string(chunk.runs.back().commit_lsn) + ": " + problem->substr(3));
    table.record.schema = table.rows.schema();
    return;
  }
  if (rows.route.attempt != table.record.attempt)
    return watcher.fail("I9", "table " + name + ": pending changes for another attempt than its record's");
  Buffer bytes;
  encode_chunk(chunk, bytes);
  table.pending.push_back({rows.route.attempt, std::string(bytes.as<char>(), bytes.size())});
  destination_.marks_.hit(Mark::pending_changes);
}

void SimDestination::Writer::truncate(const Truncate& truncate) {
  MirrorTable& table = touch(truncate.oid);
  if (!take_position(table, truncate.position)) return;
  destination_.marks_.hit(Mark::truncates);
  destination_.trace_([&] { return "dest      truncate " + to_string(table.record.name); });
  if (truncate.route.kind == Route::Kind::live) {
    if (takes_rows(table)) table.rows.clear();
  } else {
    table.pending.push_back({truncate.route.attempt, truncate});
  }
}

void SimDestination::Writer::set_table(const SetTable& set, Lsn delivered) {
  MirrorTable& table = touch(set.record.oid);
  destination_.trace_([&] {
    return "dest      table " + to_string(set.record.name) + " is " + std::string(to_string(set.record.state)) + " attempt " +
           std::to_string(set.record.attempt) +
           (set.record.quarantine ? " (" + set.record.quarantine->code + ": " + set.record.quarantine->reason + ")" : "");
  });
  if (forgets_copies(set.record.state)) {
    std::erase_if(table.pending, [&](const PendingChange& change) { return change.attempt < set.record.attempt; });
    open_.used_copies.emplace_back(set.record.oid, set.record.attempt - 1);
    if (set.record.attempt > table.record.attempt) {
      CopyNotes& note = notes(set.record.oid);
      note.known_since = std::max(note.known_since, delivered);
      // Also of a table that was not known: what open transactions had streamed of it is gone, and its copy waits for them.
      if (table.record.state == TableState::quarantined || table.record.state == TableState::gap || table.record.attempt == 0)
        note.stopped_until = destination_.watcher_->next_xid();
    }
  }
  if (set.record.state == TableState::live && table.record.state != TableState::live) destination_.marks_.hit(Mark::tables_live);
  if (set.record.state == TableState::quarantined) destination_.marks_.hit(Mark::quarantines);
  if (set.record.schema && (set.record.state == TableState::live || set.record.state == TableState::catching_up))
    table.rows.set_schema(set.record.schema);
  table.record = set.record;
  table.record.schema = table.rows.schema();  // the destination knows its own shape best
}

void SimDestination::Writer::finish_copy(const FinishCopy& finish) {
  DestinationWatcher& watcher = *destination_.watcher_;
  MirrorTable& table = touch(finish.oid);
  const std::string name = to_string(table.record.name);
  const auto found = destination_.store_.shadows.find(finish.oid);
  if (found == destination_.store_.shadows.end() || found->second->attempt != finish.attempt || !found->second->finished) {
    return watcher.fail("I9", "table " + name + ": a copy is finished that was never wholly written");
  }
  MirrorRows rows = found->second->rows;
  rows.set_schema(finish.schema);
  for (const PendingChange& change : std::exchange(table.pending, {})) {
    if (change.attempt != finish.attempt) continue;
    if (const auto* cut = std::get_if<Truncate>(&change.what)) {
      if (!finish.snapshot.visible(cut->xid)) rows.clear();
      continue;
    }
    auto chunk = decode_chunk(std::get<std::string>(change.what));
    if (!chunk) return watcher.fail("I9", "table " + name + ": a pending change cannot be read back");
    const std::uint32_t before = chunk->rows;
    drop_visible(*chunk, finish.snapshot);
    if (chunk->rows < before) destination_.marks_.hit(Mark::handover_dropped);
    if (chunk->rows > 0) destination_.marks_.hit(Mark::handover_applied);
    if (auto problem = rows.apply(*chunk)) return watcher.fail("I9", "table " + name + ": at the end of its copy: " + *problem);
  }
  table.rows = std::move(rows);
  table.record.state = TableState::catching_up;
  table.record.attempt = finish.attempt;
  table.record.snapshot = finish.snapshot;
  table.record.schema = table.rows.schema();
  table.record.file_node = finish.file_node;
  open_.used_copies.emplace_back(finish.oid, finish.attempt);
  notes(finish.oid).seen = finish.snapshot;
  notes(finish.oid).course = found->second->course;
  destination_.marks_.hit(Mark::copies_finished);
  destination_.trace_([&] {
    return "dest      copy of " + name + " finished, snapshot " + to_string(finish.snapshot) + ", " + std::to_string(table.rows.size()) + " rows";
  });
}

void SimDestination::Writer::commit(const Checkpoint& checkpoint, const Intent& intent) {
  MirrorStore& store = destination_.store_;
  DestinationWatcher& watcher = *destination_.watcher_;
  if (checkpoint < store.checkpoint) watcher.needless("I3", "the checkpoint goes back to " + to_string(checkpoint.commit_lsn));
  if (open_.last_commit > checkpoint.commit_lsn) {
    watcher.fail("I4", "a commit holds changes of " + to_string(open_.last_commit) + " beyond its checkpoint " + to_string(checkpoint.commit_lsn));
  }
  if (open_.batches > 1) destination_.marks_.hit(Mark::multi_batch_transactions);
  for (auto& [oid, table] : open_.tables) store.tables[oid] = std::move(table);
  for (auto& [oid, note] : open_.notes) store.notes[oid] = std::move(note);
  for (const auto& [oid, attempt] : open_.used_copies) {
    const auto shadow = store.shadows.find(oid);
    if (shadow != store.shadows.end() && shadow->second->attempt <= attempt) store.shadows.erase(shadow);
  }
  if (checkpoint.epoch > store.checkpoint.epoch && store.intent.lsn > checkpoint.end_lsn) destination_.marks_.hit(Mark::intents_outlived);
  if (checkpoint >= store.checkpoint) store.checkpoint = checkpoint;
  if (open_.catalog_memory) store.catalog_memory = std::move(*open_.catalog_memory);
  store.intent = std::max(store.intent, intent);
  open_ = {};
  destination_.marks_.hit(Mark::destination_commits);
  destination_.trace_([&] { return "dest    commit at " + to_string(checkpoint.commit_lsn) + " epoch " + std::to_string(checkpoint.epoch); });
  watcher.destination_committed(store);
}

Status SimDestination::begin_copy(Fence fence, const TableSchemaPtr& schema, Attempt attempt) {
  CHECK_OK(check_fence(fence));
  auto shadow = std::make_shared<Shadow>();
  shadow->attempt = attempt;
  shadow->course = watcher_->course();
  shadow->rows.set_schema(schema);
  store_.shadows[schema->oid] = std::move(shadow);
  return ok();
}

Status SimDestination::write_copy(Fence fence, RelationOid oid, Attempt attempt, const TableChunk& chunk) {
  CHECK_OK(check_fence(fence));
  const auto shadow = store_.shadows.find(oid);
  if (shadow == store_.shadows.end() || shadow->second->attempt != attempt)
    return make_error(Recovery::retry, "copy_gone", "the shadow of this attempt is gone");
  if (auto problem = shadow->second->rows.apply(chunk)) watcher_->fail("I9", "a copy writes what cannot be: " + *problem);
  return ok();
}

Status SimDestination::finish_copy(Fence fence, RelationOid oid, Attempt attempt) {
  CHECK_OK(check_fence(fence));
  const auto shadow = store_.shadows.find(oid);
  if (shadow == store_.shadows.end() || shadow->second->attempt != attempt)
    return make_error(Recovery::retry, "copy_gone", "the shadow of this attempt is gone");
  shadow->second->finished = true;
  return ok();
}

Status SimDestination::drop_copy(Fence fence, RelationOid oid, Attempt attempt) {
  CHECK_OK(check_fence(fence));
  const auto shadow = store_.shadows.find(oid);
  if (shadow != store_.shadows.end() && shadow->second->attempt == attempt) store_.shadows.erase(shadow);
  return ok();
}

}  // namespace luge
