#include <algorithm>
#include <utility>

#include "base/log.h"
#include "destination/snowflake/snowflake_destination_impl.h"

namespace luge {

namespace {

/// What the service refused, and not what luge decided: a grant may come back, a warehouse may be resumed.
bool is_refusal(const Error& error) {
  if (error.recovery != Recovery::stop_pipeline || error.exit_code != ExitCode::failed) return false;
  const std::string& code = error.code;
  const bool of_server = code.size() == 6 && std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; });
  return of_server || code.starts_with("http_") || code == "auth" || code == "forbidden" || code == "refused" || code == "tls";
}

}  // namespace

/// A pipeline that has run goes on asking: the rows wait in the WAL. At the first opening the user hears it at once.
Error SnowflakeDestination::gone_wrong(Error error) {
  note_failure();
  if (ever_open_ && (is_refusal(error) || error.recovery == Recovery::quarantine_table)) error.recovery = Recovery::retry;
  return error;
}

void SnowflakeDestination::note_failure() {
  if (!pool_) return;
  const auto failed = pool_->failure();
  if (failed && failed->code == "channel_stalled") ++stalls_;
  const auto oid = pool_->failed_table();
  if (!failed || !oid || failed->code != "table_missing" || heal_.contains(*oid) || hopeless_.contains(*oid)) return;
  remember_to_heal(*oid, *failed);
}

bool SnowflakeDestination::remember_to_heal(RelationOid oid, const Error& why) {
  if (++healings_[oid] <= kMostHealings) {
    heal_.insert(oid);
    return false;
  }
  hopeless_.emplace(oid, why);
  return true;
}

Status SnowflakeDestination::look_at_troubles() {
  std::map<RelationOid, Error> missing;
  {
    std::lock_guard lock(mutex_);
    missing.swap(missing_);
  }
  for (const auto& [oid, error] : missing) {
    LiveTable* table = find(oid);
    if (table == nullptr || !takes_rows(table->record().state)) continue;
    if ((error.code == "002003" || error.code == "000904") && ++healings_[oid] <= kMostHealings) {
      heal_.insert(oid);
      return make_error(Recovery::retry, "table_changed_outside",
                        "somebody changed the tables of " + to_string(table->record().name) + " in Snowflake; luge brings them back into shape");
    }
    quarantine(*table, {"state_lost", "its current state in Snowflake cannot be kept: " + error.what, "", "", end_of(meta_.checkpoint), ""});
  }
  for (TableTrouble& trouble : pool_->take_troubles()) {
    LiveTable* table = find(trouble.oid);
    if (table == nullptr) continue;
    if (trouble.kind != TableTrouble::Kind::misfit && table->entry.has_log) {
      TRY(const bool fits, keeper_->fits(table->entry.layout, false));
      const bool emptied = trouble.kind == TableTrouble::Kind::miscounted;
      if (!fits || emptied) {
        if (++healings_[trouble.oid] <= kMostHealings) {
          heal_.insert(trouble.oid);
          return make_error(Recovery::retry, "table_changed_outside",
                            "somebody changed " + table->entry.layout.place.log + " in Snowflake; luge brings it back into shape");
        }
      }
      if (const std::string reason = trouble.kind == TableTrouble::Kind::refused ? std::string() : keeper_->rejection_reason(table->entry.layout);
          !reason.empty())
        trouble.quarantine.reason += " (" + reason + ")";
    }
    if (trouble.quarantine.position == Position{}) trouble.quarantine.position = end_of(meta_.checkpoint);
    // Of later transactions rows may have come through other channels.
    quarantine(*table, std::move(trouble.quarantine), end_of(meta_.checkpoint));
  }
  if (told_.empty() || taken_.empty()) return ok();
  // The oldest unanswered batch tells of it, and takes it into the ledger.
  TakenBatch& next = taken_.front();
  for (const RelationOid oid : std::exchange(told_, {})) {
    next.told.insert(oid);
    tables_[oid].changed = false;
    for (TakenBatch& later : taken_) {
      if (&later == &next || later.entries.contains(oid)) later.entries[oid] = encode_table_entry(tables_[oid].entry);
    }
    schedule(tables_[oid]);
  }
  return ok();
}

bool SnowflakeDestination::durable(const TakenBatch& taken) const {
  // A table's stop goes into the ledger with the batch that does not wait for its rows, or before: else a crash in between would forget both.
  return std::all_of(taken.needs.begin(), taken.needs.end(),
                     [&](const auto& need) { return need.first->durable_through(need.second) || pool_->known_stopped(need.first->oid()); });
}

Status SnowflakeDestination::settle_ledger(const std::vector<TakenBatch*>& batches) {
  std::vector<LedgerChange> changes;
  std::map<RelationOid, const std::string*> entries;
  std::set<std::string> channels;
  const std::string* memory = nullptr;
  Checkpoint checkpoint = meta_.checkpoint;
  for (const TakenBatch* batch : batches) {
    checkpoint = std::max(checkpoint, batch->checkpoint);
    for (const auto& [oid, entry] : batch->entries) entries[oid] = &entry;
    if (batch->catalog_memory) memory = &*batch->catalog_memory;
    for (const auto& [channel, ignored] : batch->needs) {
      const auto mark = channel->mark();
      if (!mark || !channels.insert(channel->id().channel).second) continue;
      const auto known = marks_.find(channel->id().channel);
      if (known != marks_.end() && known->second == *mark) continue;
      marks_[channel->id().channel] = *mark;
      changes.push_back({std::string(kChannelPrefix) + channel->id().channel, encode_channel_mark(*mark)});
    }
  }
  for (const auto& [oid, entry] : entries) changes.push_back({std::string(kTablePrefix) + std::to_string(oid), *entry});
  if (memory != nullptr) changes.push_back({std::string(kCatalogKey), *memory});
  const bool moved = checkpoint > meta_.checkpoint || checkpoint.witness > meta_.checkpoint.witness;
  if (!moved && changes.empty()) return ok();
  meta_.checkpoint = checkpoint;
  changes.push_back({std::string(kMetaKey), encode_meta_entry(meta_)});
  return save(changes);
}

/// The first parts of a transaction are answered when they come to the front: how large it is, nobody knows. What they need, its end waits for.
void SnowflakeDestination::answer_parts() {
  while (!taken_.empty() && !taken_.front().complete) {
    TakenBatch part = std::move(taken_.front());
    taken_.pop_front();
    Frontier frontier = frontier_now();
    frontier.rows_applied = part.rows;
    answers_.push_back(std::move(frontier));
    if (taken_.empty()) {
      carried_ = std::move(part);
    } else {
      taken_.front().follow(std::move(part));
    }
  }
}

Frontier SnowflakeDestination::frontier_now() const {
  Frontier frontier;
  frontier.mirror_uuid = meta_.uuid;
  frontier.fence = request_.fence;
  frontier.checkpoint = meta_.checkpoint;
  frontier.intent = control_->intent().within(meta_.checkpoint.epoch);
  return frontier;
}

bool SnowflakeDestination::unmerged(const LiveTable& table) const {
  const auto watermark = scheduler_->watermark(table.record().oid);
  // What went through older generations of channels has left no mark: it ends where this one begins.
  if (std::max(watermark ? watermark->position : Position{}, table.entry.fold.floor) < table.entry.generation_floor) return true;
  for (std::uint16_t shard = 0; shard < table.entry.shards; ++shard) {
    const auto mark = marks_.find(channel_name(table.entry, "a0", shard));
    if (mark != marks_.end() && mark->second.token && (!watermark || *mark->second.token > watermark->position)) return true;
  }
  return false;
}

Status SnowflakeDestination::merge_all(const Position& through) {
  if (!scheduler_ || !keeper_->merges()) return ok();
  return scheduler_->merge_all(through);
}

void SnowflakeDestination::publish(Duration pause) {
  const Instant now = clock_.now();
  if (published_at_ && now - *published_at_ < pause) return;
  if (meta_.checkpoint.epoch == 0 || meta_.checkpoint.epoch < control_->intent().epoch) return;
  published_at_ = now;
  if (Status recorded = control_->record({meta_.checkpoint.epoch, meta_.checkpoint.end_lsn}); !recorded) {
    log_event(LogLevel::warn, "checkpoint_not_published", recorded.error().what, {{"code", recorded.error().code}});
  }
}

Status SnowflakeDestination::answer(TakenBatch& taken) {
  Frontier frontier = frontier_now();
  frontier.rows_applied = taken.rows;
  for (const RelationOid oid : taken.told) frontier.tables.push_back(tables_[oid].record());
  if (scheduler_) scheduler_->durable(end_of(taken.checkpoint), taken.touched);
  for (const std::uint64_t id : taken.barriers) frontier.barriers.push_back(answer_barrier(id, end_of(taken.checkpoint)));
  answers_.push_back(std::move(frontier));
  return ok();
}

/// Current state that cannot be brought up to date is the asker's matter: the changes are durable in the log.
Frontier::ReadyBarrier SnowflakeDestination::answer_barrier(std::uint64_t id, const Position& through) {
  if (Status merged = merge_all(through); !merged) return {id, nullptr, std::move(merged).error()};
  if (keeper_->views()) {
    publish(Duration(0));
    if (Status seen = control_->settle(kPublished); !seen) return {id, nullptr, std::move(seen).error()};
  }
  auto reader = read();
  if (!reader) return {id, nullptr, std::move(reader).error()};
  return {id, std::move(*reader), std::nullopt};
}

Result<std::optional<Frontier>> SnowflakeDestination::poll() {
  if (!pool_) return not_open();
  auto next = try_poll();
  if (!next) return gone_wrong(std::move(next).error());
  return next;
}

Result<std::optional<Frontier>> SnowflakeDestination::try_poll() {
  if (answers_.empty()) {
    if (auto failed = pool_->failure()) return *failed;
    CHECK_OK(look_at_troubles());
    answer_parts();
    std::vector<TakenBatch*> whole;
    for (TakenBatch& next : taken_) {
      if (!next.complete || !durable(next)) break;
      whole.push_back(&next);
    }
    if (!whole.empty()) {
      CHECK_OK(settle_ledger(whole));
      stalls_ = 0;
      for (TakenBatch* batch : whole) CHECK_OK(answer(*batch));
      taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(whole.size()));
      publish(!keeper_->views() ? kPublishing : taken_.empty() ? Duration(0) : kViewPublishing);
    }
  }
  if (answers_.empty()) return std::optional<Frontier>();
  std::optional<Frontier> next(std::move(answers_.front()));
  answers_.pop_front();
  return next;
}

}  // namespace luge
