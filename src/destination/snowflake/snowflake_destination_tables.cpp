#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "base/log.h"
#include "destination/snowflake/current_state/state_view.h"
#include "destination/snowflake/snowflake_destination_impl.h"

namespace luge {

namespace {

constexpr Duration kLongestSettle = std::chrono::minutes(5);

std::vector<std::int16_t> key_of(const TableLayout& layout) {
  std::vector<std::int16_t> key;
  for (const LayoutColumn& column : layout.columns) {
    if (column.key) key.push_back(column.attnum);
  }
  return key;
}

}  // namespace

std::vector<std::string> names_of(const TableSchema& schema, const TableLayout& layout) {
  std::vector<std::string> names;
  for (const ColumnSchema& column : schema.columns) {
    const auto found =
        std::find_if(layout.columns.begin(), layout.columns.end(), [&](const LayoutColumn& one) { return one.attnum == column.attnum; });
    ENSURE(found != layout.columns.end(), "the layout has the columns of its schema");
    names.push_back(found->name);
  }
  return names;
}

/// What only rows that are merged already needed is not kept.
void SnowflakeDestination::forget_merged(LiveTable& table) {
  if (!scheduler_ || !table.entry.fold.active) return;
  const auto watermark = scheduler_->watermark(table.record().oid);
  if (!watermark) return;
  const auto merged = [&](const Position& position) { return position <= watermark->position; };
  std::erase_if(table.entry.fold.truncates, merged);
  std::erase_if(table.entry.fold.lone_key_changes, merged);
  forget_before(table.entry.layout, watermark->position);
}

LiveTable* SnowflakeDestination::find(RelationOid oid) {
  const auto found = tables_.find(oid);
  return found == tables_.end() ? nullptr : &found->second;
}

std::string SnowflakeDestination::channel_name(const TableEntry& entry, std::string_view kind, std::uint16_t shard) const {
  return "luge_" + request_.pipeline + "_" + std::to_string(entry.record.oid) + "_e" + std::to_string(epoch_) + "_" + std::string(kind) + "_g" +
         std::to_string(entry.generation) + "_" + std::to_string(shard);
}

const std::shared_ptr<Channel>& SnowflakeDestination::channel(LiveTable& table, std::uint16_t shard) {
  if (table.channels.size() < table.entry.shards) table.channels.resize(table.entry.shards);
  std::shared_ptr<Channel>& channel = table.channels[shard];
  if (!channel) {
    ChannelId id{table.entry.layout.place.schema, table.entry.layout.place.log, channel_name(table.entry, "a0", shard)};
    // A channel that the ledger does not know began in this pipeline's life, with nothing: what it holds by now came unseen, and is counted too.
    const auto known = marks_.find(id.channel);
    channel = pool_->add(std::move(id), table.record().oid, shard, known == marks_.end() ? ChannelMark{} : known->second);
  }
  return channel;
}

void SnowflakeDestination::new_generation(LiveTable& table, const Position& floor) {
  for (const auto& channel : table.channels) {
    if (!channel || !pool_) continue;
    pool_->forget(channel);
    // Whatever waits for it waits no longer: it settled before, or its table begins anew.
    for (TakenBatch& taken : taken_) taken.needs.erase(channel);
    if (carried_) carried_->needs.erase(channel);
  }
  table.channels.clear();
  ++table.entry.generation;
  table.entry.generation_floor = floor;
  table.entry.shards = static_cast<std::uint16_t>(options_.shards_per_table);
  table.changed = true;
}

Status SnowflakeDestination::settle(LiveTable& table) {
  std::vector<std::shared_ptr<Channel>> channels;
  for (const auto& channel : table.channels) {
    if (channel) channels.push_back(channel);
  }
  Status settled = pool_->settle(channels, kLongestSettle);
  if (!settled && settled.error().code == "table_stopped") return ok();  // its trouble is dealt with elsewhere
  return settled;
}

void SnowflakeDestination::quarantine(LiveTable& table, Quarantine why, std::optional<Position> good_through) {
  TableRecord& record = table.record();
  if (record.state == TableState::quarantined) return;
  if (why.fix.empty()) why.fix = resync_command(record.name);
  log_event(
      LogLevel::error, "table_quarantined", why.reason,
      {{"table", to_string(record.name)}, {"code", why.code}, {"column", why.column}, {"lsn", to_string(why.position.commit_lsn)}, {"fix", why.fix}});
  record.state = TableState::quarantined;
  record.quarantine = std::move(why);
  record.snapshot.reset();
  if (table.entry.fold.active && keeper_->merges()) table.entry.fold.last = good_through;
  table.changed = true;
  told_.insert(record.oid);
  schedule(table);
}

Quarantine SnowflakeDestination::unfit(const TableSchema& schema, const Error& error, const Position& position) const {
  return {error.code, error.what, "", "", position, error.hint.empty() ? resync_command(schema.name) : error.hint};
}

void SnowflakeDestination::schedule(LiveTable& table) {
  if (!scheduler_) return;
  const TableEntry& entry = table.entry;
  const bool stopped = entry.record.state == TableState::quarantined && entry.fold.last;
  if (!entry.fold.active || (!takes_rows(entry.record.state) && !stopped)) {
    scheduler_->forget_table(entry.record.oid);
    return;
  }
  const std::string name = entry.record.name.schema + "." + entry.record.name.table;
  MergeScheduler::Table merged;
  merged.layout = entry.layout;
  // Attempts count from one again after the state was removed; the epoch does not.
  merged.floor = {entry.fold.floor, static_cast<std::uint64_t>(entry.fold.floor.epoch) << 32 | entry.record.attempt};
  if (entry.fold.snapshot) merged.handover = CopyHandover{*entry.fold.snapshot, entry.fold.limit};
  const auto interval = options_.merge_interval_of.find(name);
  merged.interval = interval == options_.merge_interval_of.end() ? options_.merge_interval : interval->second;
  const auto retention = options_.log_retention_of.find(name);
  merged.log_retention = retention == options_.log_retention_of.end() ? options_.log_retention : retention->second;
  merged.truncates = entry.fold.truncates;
  merged.moved_keys = entry.fold.lone_key_changes;
  if (stopped) merged.last = entry.fold.last;
  scheduler_->set_table(entry.record.oid, std::move(merged));
}

Status SnowflakeDestination::adopt_layout(LiveTable& table, TableLayout layout, const TableSchemaPtr& schema) {
  TableEntry& entry = table.entry;
  const bool new_key = entry.has_log && key_of(entry.layout) != key_of(layout);
  CHECK_OK(keeper_->shape_log(entry.has_log ? &entry.layout : nullptr, layout));
  if (!entry.has_log) entry.shards = static_cast<std::uint16_t>(options_.shards_per_table);
  entry.layout = std::move(layout);
  entry.has_log = true;
  entry.record.schema = schema;
  if (entry.record.name != schema->name) told_.insert(entry.record.oid);
  entry.record.name = schema->name;
  table.changed = true;
  if (new_key) {
    new_generation(table, table.sent_through.value_or(Position{}));
  } else {
    for (const auto& channel : table.channels) {
      if (channel) CHECK_OK(pool_->reopen(channel));
    }
  }
  return ok();
}

Status SnowflakeDestination::reshape(LiveTable& table, const TableSchemaPtr& schema, const Position& position, Xid xid) {
  Status followed = follow(table, schema, position, xid);
  if (followed || followed.error().recovery != Recovery::quarantine_table) return followed;
  quarantine(table, unfit(*schema, followed.error(), position), before_transaction(position));
  return ok();
}

Status SnowflakeDestination::follow(LiveTable& table, const TableSchemaPtr& schema, const Position& position, Xid xid) {
  TableEntry& entry = table.entry;
  if (entry.has_log && entry.record.schema && same_shape(*entry.record.schema, *schema) && entry.record.schema->name == schema->name) {
    entry.record.schema = schema;
    return ok();
  }
  TRY(TableLayout wanted, keeper_->layout_of(*schema));
  for (const auto& [oid, other] : tables_) {
    if (oid == entry.record.oid || !other.entry.has_log || other.record().state == TableState::dropped) continue;
    if (other.entry.layout.place.state != wanted.place.state || other.entry.layout.place.schema != wanted.place.schema) continue;
    quarantine(table,
               {"name", to_string(schema->name) + " and " + to_string(other.record().name) + " would be the same table in Snowflake", "", "",
                position, "leave `schema` out of the section snowflake, say identifiers: keep, or rename one of them"},
               before_transaction(position));
    return ok();
  }
  CHECK_OK(settle(table));
  table.shape_xid = xid;
  if (!entry.has_log) {
    CHECK_OK(adopt_layout(table, std::move(wanted), schema));
    // A table that is live without ever having been copied begins with its first row.
    if (entry.record.state == TableState::live && !entry.fold.active) {
      if (keeper_->merges()) {
        TRY(const auto needs_copy, keeper_->shape_state(nullptr, entry.layout));
        if (needs_copy) {
          quarantine(table, {std::string(kTypeChanged), *needs_copy, "", "", position, resync_command(schema->name)});
          return ok();
        }
      }
      entry.fold = {};
      entry.fold.active = true;
      Position before = position;
      if (before.ordinal > 0)
        --before.ordinal;
      else
        before = {position.epoch, Lsn{position.commit_lsn.value - 1}, kWholeTransaction};
      entry.fold.floor = before;
      schedule(table);
    }
    return ok();
  }
  const bool folds = entry.fold.active && takes_rows(entry.record.state);
  const bool renamed = wanted.place != entry.layout.place;
  // A copy under way has its changes in the old log, and a view its whole table.
  if (renamed && (keeper_->views() || (keeper_->merges() && !folds) || !takes_rows(entry.record.state))) {
    quarantine(table, {"renamed", "the table was renamed to " + to_string(schema->name) + "; its log goes on under the new name after a new copy", "",
                       "", position, resync_command(entry.record.name)});
    return ok();
  }
  if (renamed) CHECK_OK(keeper_->check_log_is_ours(wanted));
  const TableLayout before = entry.layout;
  TableLayout next = evolve_layout(before, std::move(wanted), position);
  if (folds && keeper_->merges()) return reshape_merged(table, before, std::move(next), schema, position);
  if (folds && keeper_->views() && key_of(before) != key_of(next)) {
    quarantine(table, {"key_changed", "the table has another key, and the view would tell its older changes apart by the new one", "", "", position,
                       resync_command(schema->name)});
    return ok();
  }
  if (renamed) leave_log(table);
  CHECK_OK(adopt_layout(table, std::move(next), schema));
  if (entry.fold.active && keeper_->views()) CHECK_OK(keeper_->run({view_sql(entry)}));
  return ok();
}

std::string SnowflakeDestination::view_sql(const TableEntry& entry) const {
  StateViewOptions options;
  options.floor = entry.fold.floor;
  options.bound = control_->bound_sql();
  return state_view_sql(entry.layout, options);
}

/// What comes goes into another log, through channels of its own. It has settled; the old log stays as it is.
void SnowflakeDestination::leave_log(LiveTable& table) {
  new_generation(table, table.sent_through.value_or(end_of(meta_.checkpoint)));
  table.entry.has_log = false;
}

Status SnowflakeDestination::reshape_merged(LiveTable& table, const TableLayout& before, TableLayout next, const TableSchemaPtr& schema,
                                            const Position& position) {
  const RelationOid oid = table.record().oid;
  const bool renamed = before.place != next.place;
  bool moved = false;
  if (renamed) {
    TRY(moved, keeper_->has_moved(before, next));
  }
  const auto merge_so_far = [&]() -> Status {
    const Position through = table.sent_through.value_or(end_of(meta_.checkpoint));
    scheduler_->reached(oid, through, 1);
    return scheduler_->merge_now(oid, through);
  };
  // Rows are folded by the key of their time, and out of the log they are in: those before the change have to be in the state before it counts.
  // Once the state has its new name, they are.
  if (!moved && (renamed || key_of(before) != key_of(next))) CHECK_OK(merge_so_far());
  scheduler_->remove_table(oid);
  TableLayout placed = before;
  if (renamed) {
    if (!moved) CHECK_OK(keeper_->move_state(before, next));
    placed.place = next.place;
  }
  TRY(const auto needs_copy, keeper_->shape_state(&placed, next));
  if (needs_copy && !renamed) {
    // What came before it is good, and the log can still tell it.
    schedule(table);
    if (Status merged = merge_so_far(); !merged) {
      log_event(LogLevel::warn, "merge_failed", merged.error().what, {{"table", to_string(table.record().name)}, {"code", merged.error().code}});
    }
    scheduler_->remove_table(oid);
  }
  if (renamed) leave_log(table);
  CHECK_OK(adopt_layout(table, std::move(next), schema));
  if (needs_copy) {
    quarantine(table, {std::string(kTypeChanged), *needs_copy, "", "", position, resync_command(schema->name)});
    return ok();
  }
  schedule(table);
  return ok();
}

Status SnowflakeDestination::heal_all() {
  for (auto& [oid, table] : tables_) {
    if (heal_.contains(oid) && table.entry.has_log && !hopeless_.contains(oid)) {
      Status healed = heal(table);
      if (!healed && healed.error().recovery != Recovery::quarantine_table) return healed;
      if (!healed && !remember_to_heal(oid, healed.error())) {
        Error again = std::move(healed).error();
        again.recovery = Recovery::retry;
        return again;
      }
      heal_.erase(oid);
      std::lock_guard lock(mutex_);
      missing_.erase(oid);
    }
    if (const auto hopeless = hopeless_.find(oid); hopeless != hopeless_.end()) {
      const Error& error = hopeless->second;
      quarantine(table, {error.code, error.what + "; luge has tried to mend it " + std::to_string(kMostHealings) + " times", "", "",
                         end_of(meta_.checkpoint), error.hint});
      told_.erase(oid);
      table.changed = false;
      CHECK_OK(save({{std::string(kTablePrefix) + std::to_string(oid), encode_table_entry(table.entry)}}));
      hopeless_.erase(oid);
    }
  }
  heal_.clear();
  hopeless_.clear();
  return ok();
}

/// Something about the table's tables was wrong. Rows behind the checkpoint are taken out of the log and come again, through new channels.
Status SnowflakeDestination::heal(LiveTable& table) {
  TableEntry& entry = table.entry;
  const Position checkpoint = end_of(meta_.checkpoint);
  // Openings fence: what the old channels still hold uncommitted is settled now or thrown away.
  TRY(auto client, connection_->rest_client(stop_.get_token()));
  TRY(const auto log, keeper_->describe(entry.layout.log()));
  const bool fresh = !log;
  // It is known to be this pipeline's: whoever made it anew did not write so on it.
  CHECK_OK(keeper_->shape_log(&entry.layout, entry.layout));
  CHECK_OK(keeper_->mark_log(entry.layout));
  bool lost = fresh;
  for (std::uint16_t shard = 0; shard < entry.shards; ++shard) {
    const std::string name = channel_name(entry, "a0", shard);
    const auto known = marks_.find(name);
    if (known == marks_.end() && fresh) continue;
    const ChannelId id{entry.layout.place.schema, entry.layout.place.log, name};
    if (!fresh) {
      auto status = client->open(id, std::chrono::seconds(30));
      if (!status) return std::move(status).error();
      if (known != marks_.end() && known->second.token && !status->committed_token) lost = true;
      CHECK_OK(client->drop(id));
    }
  }
  if (!fresh) {
    SqlStatement rollback;
    rollback.text = "DELETE FROM " + entry.layout.log() + " WHERE \"_LUGE_POSITION\" > " + position_literal(checkpoint);
    TRY(const SqlResult deleted, keeper_->run_one(rollback));
    log_event(LogLevel::warn, "table_healed", "rows behind the checkpoint were taken back and are sent again",
              {{"table", to_string(entry.record.name)}, {"rows", deleted.affected()}, {"checkpoint", to_string(meta_.checkpoint.commit_lsn)}});
  }
  if (entry.fold.active && keeper_->merges() && takes_rows(entry.record.state)) {
    TRY(const auto state, keeper_->describe(entry.layout.state()));
    TRY(const auto needs_copy, state ? keeper_->shape_state(&entry.layout, entry.layout)
                                     : Result<std::optional<std::string>>(std::optional<std::string>("its table was dropped")));
    if (needs_copy)
      quarantine(table, {"state_lost", "the current state in Snowflake cannot go on: " + *needs_copy, "", "", checkpoint,
                         resync_command(entry.record.name)});
  }
  if (lost && takes_rows(entry.record.state)) {
    const bool whole = keeper_->merges() && entry.fold.active && scheduler_->watermark(entry.record.oid) &&
                       scheduler_->watermark(entry.record.oid)->position >= checkpoint;
    if (!whole) {
      quarantine(table, {"log_lost", "its change log was dropped or replaced in Snowflake before all of it was merged", "", "", checkpoint,
                         resync_command(entry.record.name)});
    } else {
      log_event(LogLevel::warn, "log_recreated", "the change log was made again; all of the old one was merged already",
                {{"table", to_string(entry.record.name)}});
    }
  }
  std::vector<LedgerChange> changes;
  for (std::uint16_t shard = 0; shard < entry.shards; ++shard) {
    const std::string name = channel_name(entry, "a0", shard);
    marks_.erase(name);
    changes.push_back({std::string(kChannelPrefix) + name, std::nullopt});
  }
  new_generation(table, checkpoint);
  changes.push_back({std::string(kTablePrefix) + std::to_string(entry.record.oid), encode_table_entry(entry)});
  told_.erase(entry.record.oid);
  return save(changes);
}

}  // namespace luge
