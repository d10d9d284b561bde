#include "pipeline/table_registry.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "pipeline/misfit_quarantine.h"

namespace luge {

namespace {

constexpr Duration kFirstCopyRetry = std::chrono::seconds(1);
constexpr Duration kLongestCopyRetry = std::chrono::seconds(60);

bool is_copying(TableState state) { return state == TableState::waiting || state == TableState::copying || state == TableState::resyncing; }
bool asks_for_copy(const TableRecord& record) {
  return record.state == TableState::quarantined && record.quarantine && record.quarantine->code == kTypeChanged;
}
bool is_stopped(TableState state) { return state == TableState::quarantined || state == TableState::gap || state == TableState::dropped; }

Duration copy_retry_delay(std::uint32_t failures) {
  Duration delay = kFirstCopyRetry;
  for (std::uint32_t i = 1; i < failures && delay < kLongestCopyRetry; ++i) delay *= 2;
  return std::min(delay, kLongestCopyRetry);
}

}  // namespace

TableRegistry::TableRegistry(CopyPort& copies, const ColumnOptionsLookup& columns, const Frontier& frontier, Epoch epoch, std::uint32_t timeline,
                             bool resync_all)
    : copies_(copies), columns_(columns), epoch_(epoch), timeline_(timeline) {
  for (const TableRecord& record : frontier.tables) {
    Table table;
    table.record = record;
    // A shape that a copy read on another timeline may have what this one never had.
    if (!record.snapshot || record.snapshot->timeline == timeline) table.stream_schema = record.schema;
    tables_.emplace(record.oid, std::move(table));
    order_.push_back(record.oid);
  }
  for (const RelationOid oid : order_) {
    Table& table = tables_.at(oid);
    const TableState state = table.record.state;
    if (state == TableState::dropped) continue;
    // A copy that was under way has lost its snapshot: it starts again. A stopped table stays stopped unless all are
    // repaired, or a copy is all it waits for.
    if (is_copying(state) || asks_for_copy(table.record) || (resync_all && state != TableState::quarantined)) {
      restart_.push_back(oid);
    } else if (state == TableState::catching_up && table.record.snapshot) {
      copies_.watch_settled(oid, table.record.attempt, *table.record.snapshot);
    }
  }
}

TableRegistry::Table* TableRegistry::find(RelationOid oid) {
  auto found = tables_.find(oid);
  return found == tables_.end() ? nullptr : &found->second;
}

std::optional<Route> TableRegistry::route(const Table& table, Xid xid) {
  switch (table.record.state) {
    case TableState::waiting:
    case TableState::copying:
    case TableState::resyncing: return Route{Route::Kind::pending, table.record.attempt};
    case TableState::catching_up:
      if (table.record.snapshot->visible(xid)) return std::nullopt;
      return Route{};
    case TableState::live: return Route{};
    case TableState::quarantined:
    case TableState::gap:
    case TableState::dropped: return std::nullopt;
  }
  return std::nullopt;
}

void TableRegistry::append_record(const Table& table, BatchBuilder& builder) {
  SetTable set{table.record};
  // Rows on their way may have changed the shape since it was last heard of: the destination keeps the one it has then.
  set.record.schema = nullptr;
  builder.append_op(table.record.oid, std::move(set));
}

void TableRegistry::restart_copy(Table& table, Instant not_before) {
  copies_.cancel(table.record.oid);
  table.record.begin_again();
  table.copied = nullptr;
  table.settled_at.reset();
  table.copy_wanted = true;
  table.copy_after_batch = 0;
  table.copy_not_before = not_before;
  if (std::find(to_start_.begin(), to_start_.end(), table.record.oid) == to_start_.end()) to_start_.push_back(table.record.oid);
}

bool TableRegistry::resync(RelationOid oid) {
  Table* table = find(oid);
  if (table == nullptr || table->record.state == TableState::dropped) return false;
  if (std::find(restart_.begin(), restart_.end(), oid) == restart_.end()) restart_.push_back(oid);
  return true;
}

void TableRegistry::copy_published_later(Table& table, const ColumnSchema& column) {
  // A copy under way is looked at when it is done: it may have read the column or not.
  if (table.record.state != TableState::live && table.record.state != TableState::catching_up) return;
  log_event(LogLevel::info, "table_rewritten", "a column that it already had was published",
            {{"table", to_string(table.record.name)}, {"column", column.name}});
  resync(table.record.oid);
}

bool TableRegistry::overtaken(Table& table, const CopyDone& done, BatchBuilder& builder) {
  if (!table.stream_schema || table.shape_lsn <= done.read_at) {
    table.copied = done.schema;  // not the stream's: it may still be about to show rows in an older one, which the copy has
    return false;
  }
  if (published_later(*done.schema, *table.stream_schema) != nullptr) {
    log_event(LogLevel::info, "table_rewritten", "a column that it already had was published while it was copied",
              {{"table", to_string(table.record.name)}});
    restart_copy(table, {});
    append_record(table, builder);
    return true;
  }
  const Misfit* unfit = unfit_for(table.unfit_defaults, done.schema.get());
  if (unfit == nullptr) return false;
  quarantine(table, quarantine_of(table.record.name, *unfit, {0, table.shape_lsn, 0}), builder);
  return true;
}

bool TableRegistry::start_wanted(BatchBuilder& builder, Instant now) {
  if (restart_.empty()) return false;
  for (const RelationOid oid : std::exchange(restart_, {})) {
    Table& table = tables_.at(oid);
    restart_copy(table, now);
    append_record(table, builder);
  }
  return true;
}

Result<bool> TableRegistry::apply_next_event(TableFinder& finder, BatchBuilder& builder, Lsn received, Instant now) {
  if (auto event = copies_.try_take_event()) return apply(*event, builder, received, now);
  CHECK_OK(keep_events(finder));
  if (kept_.empty()) return false;
  const TableEvent event = std::move(kept_.front());
  kept_.pop_front();
  CHECK_OK(apply(event, builder));
  return true;
}

Status TableRegistry::keep_events(TableFinder& finder) {
  while (auto event = finder.try_take_event()) {
    if (const auto* lost = std::get_if<PublicationLost>(&*event)) return to_error(lost->gap);
    kept_.push_back(std::move(*event));
  }
  return ok();
}

Result<bool> TableRegistry::apply(const CopyEvent& event, BatchBuilder& builder, Lsn received, Instant now) {
  if (const auto* done = std::get_if<CopyDone>(&event)) {
    Table* table = find(done->oid);
    if (table == nullptr || done->attempt != table->record.attempt || !is_copying(table->record.state)) return true;
    if (done->snapshot.timeline != timeline_) {
      // A failover that this session has not noticed yet: the stream is still of the other server.
      log_event(LogLevel::warn, "copy_failed", "the table was read on another timeline than the one that is streamed",
                {{"table", to_string(table->record.name)}, {"attempt", done->attempt}, {"timeline", done->snapshot.timeline}});
      restart_copy(*table, now + copy_retry_delay(++table->copy_failures));
      append_record(*table, builder);
      return true;
    }
    if (overtaken(*table, *done, builder)) return true;
    table->record.state = TableState::catching_up;
    table->record.snapshot = done->snapshot;
    table->record.schema = done->schema;
    table->record.name = done->schema->name;
    table->shape_lsn = std::max(table->shape_lsn, done->read_at);
    table->record.file_node = done->file_node;
    table->copy_failures = 0;
    builder.append_op(done->oid, FinishCopy{done->oid, done->attempt, done->snapshot, done->schema, done->file_node});
    return true;
  }
  if (const auto* settled = std::get_if<CopySettled>(&event)) {
    Table* table = find(settled->oid);
    if (table == nullptr || settled->attempt != table->record.attempt || table->record.state != TableState::catching_up) return true;
    table->settled_at = settled->lsn;
    settled_.push_back(settled->oid);
    return true;
  }
  const auto& failed = std::get<CopyFailed>(event);
  Table* table = find(failed.oid);
  if (table == nullptr || failed.attempt != table->record.attempt || !is_copying(table->record.state)) return true;
  if (failed.error.recovery == Recovery::stop_pipeline) return failed.error;
  log_event(LogLevel::warn, "copy_failed", failed.error.what,
            {{"table", to_string(table->record.name)}, {"attempt", failed.attempt}, {"code", failed.error.code}});
  if (failed.error.recovery == Recovery::quarantine_table) {
    Quarantine why = failed.quarantine.value_or(Quarantine{});
    if (why.code.empty()) why.code = failed.error.code;
    if (why.reason.empty()) why.reason = failed.error.what;
    if (why.fix.empty()) why.fix = failed.error.hint;
    why.position = {epoch_, failed.read_at.is_zero() ? received : failed.read_at, 0};
    table->record.state = TableState::quarantined;
    table->record.quarantine = std::move(why);
  } else {
    restart_copy(*table, now + copy_retry_delay(++table->copy_failures));
  }
  append_record(*table, builder);
  return true;
}

Status TableRegistry::apply(const TableEvent& event, BatchBuilder& builder) {
  if (const auto* found = std::get_if<TableFound>(&event)) {
    Table* known = find(found->table.oid);
    if (known != nullptr && known->record.state != TableState::dropped) return ok();
    if (known == nullptr) {
      Table table;
      table.record.oid = found->table.oid;
      known = &tables_.emplace(found->table.oid, std::move(table)).first->second;
      order_.push_back(found->table.oid);
    }
    known->record.name = found->table.name;
    restart_copy(*known, {});
    append_record(*known, builder);
  } else if (const auto* gone = std::get_if<TableGone>(&event)) {
    Table* table = find(gone->oid);
    if (table == nullptr || table->record.state == TableState::dropped) return ok();
    copies_.cancel(gone->oid);
    table->record.state = TableState::dropped;
    table->record.snapshot.reset();
    table->copy_wanted = false;
    append_record(*table, builder);
  } else if (const auto* reshaped = std::get_if<TableReshaped>(&event)) {
    Table* table = find(reshaped->table.oid);
    if (table == nullptr || is_stopped(table->record.state)) return ok();
    table->reshape = *reshaped;
    reshaped_.push_back(reshaped->table.oid);
  } else if (const auto* seen = std::get_if<CatalogSeen>(&event)) {
    builder.append_op(0, RememberCatalog{seen->memory});
  } else {
    const auto& rewritten = std::get<TableRewritten>(event);
    Table* table = find(rewritten.oid);
    if (table == nullptr || is_stopped(table->record.state)) return ok();
    // Also while it is being copied: the snapshot may be older than what was rewritten, and this is not told twice.
    log_event(LogLevel::info, "table_rewritten", rewritten.why, {{"table", to_string(table->record.name)}});
    restart_copy(*table, {});
    append_record(*table, builder);
  }
  return ok();
}

bool TableRegistry::retire_filters(Lsn received, BatchBuilder& builder) {
  bool any = false;
  std::erase_if(settled_, [&](RelationOid oid) {
    Table& table = tables_.at(oid);
    if (table.record.state != TableState::catching_up || !table.settled_at) return true;
    if (*table.settled_at > received) return false;
    table.record.state = TableState::live;
    table.record.snapshot.reset();
    table.settled_at.reset();
    soon_live_.emplace_back(oid, 0);
    append_record(table, builder);
    any = true;
    return true;
  });
  return any;
}

bool TableRegistry::apply_shapes(Lsn received, BatchBuilder& builder) {
  bool any = false;
  std::erase_if(reshaped_, [&](RelationOid oid) {
    Table& table = tables_.at(oid);
    if (!table.reshape) return true;
    if (table.reshape->after > received || is_copying(table.record.state)) return false;
    const TableReshaped reshape = std::move(*table.reshape);
    table.reshape.reset();
    // A row has told a later shape, or the copy under way will read this one by itself.
    const TableState state = table.record.state;
    if (table.shape_lsn >= reshape.after || (state != TableState::live && state != TableState::catching_up)) return true;
    const auto resolved = schema_from_catalog(reshape.table, columns_);
    if (!resolved) return true;
    auto [schema, unfit] = with_missing_values(**resolved, reshape.table);
    const TableSchema* known = table.last_shape();
    if (known != nullptr && same_shape(*known, *schema) && known->name == schema->name) {
      if (table.stream_schema && schema->newest_attnum > known->newest_attnum) table.stream_schema = schema;
      return true;
    }
    if (const Misfit* misfit = unfit_for(unfit, known)) {
      quarantine(table, quarantine_of(table.record.name, *misfit, {0, reshape.after, 0}), builder);
      any = true;
      return true;
    }
    if (known != nullptr && published_later(*known, *schema) != nullptr) {
      restart_copy(table, {});
      append_record(table, builder);
      any = true;
      return true;
    }
    table.stream_schema = schema;
    table.unfit_defaults = std::move(unfit);
    table.copied = nullptr;
    table.shape_lsn = reshape.after;
    table.record.schema = schema;
    table.record.name = schema->name;
    builder.append_op(table.record.oid, SetTable{table.record});
    any = true;
    return true;
  });
  return any;
}

void TableRegistry::sealed(std::uint64_t batch) {
  undo_.clear();
  for (const RelationOid oid : to_start_) {
    Table& table = tables_.at(oid);
    if (table.copy_after_batch == 0) table.copy_after_batch = batch;
  }
  for (auto& [oid, number] : soon_live_) {
    if (number == 0) number = batch;
  }
}

void TableRegistry::answered(std::uint64_t batch) {
  std::erase_if(soon_live_, [batch](const auto& entry) { return entry.second != 0 && entry.second <= batch; });
}

void TableRegistry::start_copies(std::uint64_t answered_batch, Instant now) {
  std::erase_if(to_start_, [&](RelationOid oid) {
    Table& table = tables_.at(oid);
    if (!table.copy_wanted) return true;
    if (table.copy_after_batch == 0 || table.copy_after_batch > answered_batch || table.copy_not_before > now) return false;
    table.copy_wanted = false;
    if (table.record.state == TableState::waiting) table.record.state = TableState::copying;
    copies_.start(oid, table.record.name, table.record.attempt);
    return true;
  });
}

void TableRegistry::quarantine(Table& table, Quarantine why, BatchBuilder& builder) {
  log_event(LogLevel::error, "table_quarantined", why.reason,
            {{"table", to_string(table.record.name)},
             {"column", why.column},
             {"type", why.type},
             {"lsn", to_string(why.position.commit_lsn)},
             {"fix", why.fix}});
  undo_.emplace_back(table.record.oid, table.record);
  copies_.cancel(table.record.oid);
  table.copy_wanted = false;
  table.record.state = TableState::quarantined;
  table.record.quarantine = std::move(why);
  table.record.snapshot.reset();
  append_record(table, builder);
}

void TableRegistry::undo_quarantines() {
  for (auto entry = undo_.rbegin(); entry != undo_.rend(); ++entry) {
    Table& table = tables_.at(entry->first);
    table.record = entry->second;
    // Its copy was cancelled: once taken back it must start again.
    if (is_copying(table.record.state)) restart_.push_back(entry->first);
    if (table.record.state == TableState::catching_up && !table.settled_at)
      copies_.watch_settled(entry->first, table.record.attempt, *table.record.snapshot);
  }
  undo_.clear();
}

void TableRegistry::adopt(const TableRecord& record) {
  Table* table = find(record.oid);
  if (table == nullptr || record.attempt != table->record.attempt) return;
  if (record.state == TableState::quarantined && table->record.state != TableState::quarantined) {
    copies_.cancel(record.oid);
    table->record.state = record.state;
    table->record.quarantine = record.quarantine;
    table->record.snapshot.reset();
    // ALTER TYPE rewrites the table, and whoever looks at the catalog would have it copied again: so does who meets a row first.
    if (asks_for_copy(table->record)) resync(record.oid);
  } else {
    table->record.schema = record.schema;
    table->record.name = record.name;
  }
}

bool TableRegistry::any_quarantined() const {
  return std::any_of(tables_.begin(), tables_.end(), [](const auto& entry) { return entry.second.record.state == TableState::quarantined; });
}

bool TableRegistry::all_copied() const {
  return restart_.empty() && soon_live_.empty() && std::none_of(tables_.begin(), tables_.end(), [](const auto& entry) {
           const TableState state = entry.second.record.state;
           return is_copying(state) || state == TableState::catching_up;
         });
}

std::vector<TableStatus> TableRegistry::status() const {
  const std::unordered_set<RelationOid> to_restart(restart_.begin(), restart_.end());
  std::unordered_set<RelationOid> soon_live;
  for (const auto& [oid, batch] : soon_live_) soon_live.insert(oid);
  std::vector<TableStatus> all;
  all.reserve(order_.size());
  for (const RelationOid oid : order_) {
    const Table& table = tables_.at(oid);
    all.push_back({table.record, table.rows_streamed});
    TableState& shown = all.back().record.state;
    if (shown == TableState::live && soon_live.contains(oid)) shown = TableState::catching_up;  // who reads "live" asks for its rows
    if (to_restart.contains(oid)) shown = table.record.restarted();
  }
  return all;
}

Instant TableRegistry::next_due() const {
  Instant due{INT64_MAX};
  for (const RelationOid oid : to_start_) {
    const Table& table = tables_.at(oid);
    if (table.copy_after_batch != 0) due = std::min(due, table.copy_not_before);
  }
  return due;
}

}  // namespace luge
