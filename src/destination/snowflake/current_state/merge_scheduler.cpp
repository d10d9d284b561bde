#include "destination/snowflake/current_state/merge_scheduler.h"

#include <algorithm>
#include <random>
#include <tuple>

#include "base/log.h"

namespace luge {

namespace {

constexpr Duration kIdle = std::chrono::hours(1);
constexpr Duration kMostEarly = std::chrono::seconds(5);

std::unique_ptr<Random> seeded() {
  std::random_device device;
  return std::make_unique<SeededRandom>((static_cast<std::uint64_t>(device()) << 32) ^ device());
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

bool is_missing(const Error& error) {
  return error.code == "002003" || error.code == "000904" || error.code == "watermark_lost" || error.code == "superseded";
}

void insert_behind(std::set<Position>& positions, const std::vector<Position>& more, const Position& merged) {
  for (const Position& position : more) {
    if (position > merged) positions.insert(position);
  }
}

bool any_up_to(const std::set<Position>& positions, const Position& through) { return !positions.empty() && *positions.begin() <= through; }

void forget_up_to(std::set<Position>& positions, const Position& through) { positions.erase(positions.begin(), positions.upper_bound(through)); }

}  // namespace

MergeScheduler::MergeScheduler(SqlClient& sql, Settings settings, const Clock& clock, Random* random)
    : settings_(std::move(settings)),
      clock_(clock),
      own_random_(random == nullptr ? seeded() : nullptr),
      random_(random == nullptr ? *own_random_ : *random),
      sql_(sql),
      watermarks_(settings_.schema, settings_.pipeline),
      table_merge_(sql_, watermarks_, random_, settings_.statement_timeout) {}

MergeScheduler::~MergeScheduler() { stop(); }

Status MergeScheduler::load() {
  std::lock_guard working(working_);
  TRY(const SqlResult made, sql_.run({watermarks_.create_sql()}));
  TRY(const SqlResult result, sql_.run({watermarks_.read_sql()}));
  TRY(auto found, WatermarkTable::read(result));
  std::lock_guard lock(mutex_);
  if (const auto row = found.find(kCommonOid); row != found.end()) {
    common_ = row->second.position;
    found.erase(row);
  }
  loaded_ = std::move(found);
  return ok();
}

Status MergeScheduler::start() {
  CHECK_OK(load());
  thread_ = std::jthread(InLogContext([this](const std::stop_token& stop) { run(stop); }));
  return ok();
}

void MergeScheduler::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  changed_.notify_all();
}

void MergeScheduler::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Duration wait = step();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, wait, [this] { return awake_; });
    awake_ = false;
  }
}

void MergeScheduler::set_table(RelationOid oid, Table table) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[oid];
  const bool another = !entry.watermark || entry.watermark->generation != table.floor.generation;
  entry.table = std::move(table);
  entry.retry_at.reset();  // perhaps it was healed
  if (another) {
    entry.watermark.reset();
    entry.begun = false;
    if (const auto found = loaded_.find(oid); found != loaded_.end() && found->second.generation == entry.table.floor.generation) {
      entry.watermark = found->second;
      entry.begun = entry.look = true;
    }
    entry.truncates.clear();
    entry.moved_keys.clear();
  }
  insert_behind(entry.truncates, entry.table.truncates, entry.merged());
  insert_behind(entry.moved_keys, entry.table.moved_keys, entry.merged());
  if (const auto found = removed_.find(oid); found != removed_.end()) {
    std::tie(entry.reached, entry.changed) = found->second;
    if (entry.dirty()) entry.waiting_since = clock_.now();
    removed_.erase(found);
  }
  if (entry.table.last) {
    entry.reached = std::min(entry.reached, *entry.table.last);
    entry.changed = std::min(entry.changed, *entry.table.last);
  }
  entry.status.table = entry.table.layout.state();
  leave_if_done(oid);
  awake_ = true;
  changed_.notify_all();
}

void MergeScheduler::remove_table(RelationOid oid) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    const auto found = entries_.find(oid);
    return found == entries_.end() || !found->second.running;
  });
  const auto found = entries_.find(oid);
  if (found == entries_.end()) return;
  if (found->second.begun) loaded_[oid] = *found->second.watermark;  // it may come back
  removed_[oid] = {found->second.reached, found->second.changed};
  entries_.erase(found);
  round_.erase(oid);
  changed_.notify_all();
}

void MergeScheduler::forget_table(RelationOid oid) {
  remove_table(oid);
  std::lock_guard lock(mutex_);
  removed_.erase(oid);
}

void MergeScheduler::leave_if_done(RelationOid oid) {
  const auto found = entries_.find(oid);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (!entry.table.last || entry.running || entry.dirty() || std::max(entry.reached, durable_) < *entry.table.last) return;
  if (entry.begun) loaded_[oid] = *entry.watermark;
  entries_.erase(found);
  round_.erase(oid);
}

void MergeScheduler::durable(const Position& through, const std::map<RelationOid, std::uint64_t>& rows_changed) {
  std::lock_guard lock(mutex_);
  for (const auto& [oid, rows] : rows_changed) table_reached(oid, through, rows);
  durable_ = std::max(durable_, through);
  std::vector<RelationOid> stopped;
  for (const auto& [oid, entry] : entries_) {
    if (entry.table.last) stopped.push_back(oid);
  }
  for (const RelationOid oid : stopped) leave_if_done(oid);
}

std::optional<Position> MergeScheduler::common() const {
  std::lock_guard lock(mutex_);
  return common_;
}

std::optional<Position> MergeScheduler::common_with(RelationOid merging, const Position& through) const {
  Position least = std::min(through, durable_);
  for (const auto& [oid, entry] : entries_) {
    if (oid == merging || entry.table.last) continue;
    least = std::min(least, entry.dirty() ? entry.merged() : std::max({durable_, entry.reached, entry.merged()}));
  }
  for (const auto& [oid, said] : removed_) {  // away for a change of its shape
    const auto merged = loaded_.find(oid);
    if (merged == loaded_.end()) return std::nullopt;
    if (said.second > merged->second.position) least = std::min(least, merged->second.position);
  }
  if (least <= common_.value_or(Position{})) return std::nullopt;
  return least;
}

std::optional<Watermark> MergeScheduler::watermark(RelationOid oid) const {
  std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(oid); found != entries_.end()) return found->second.watermark;
  if (const auto found = loaded_.find(oid); found != loaded_.end()) return found->second;
  return std::nullopt;
}

void MergeScheduler::reached(RelationOid oid, const Position& through, std::uint64_t rows_changed) {
  std::lock_guard lock(mutex_);
  table_reached(oid, through, rows_changed);
}

void MergeScheduler::table_reached(RelationOid oid, const Position& durable_through, std::uint64_t rows_changed) {
  const auto found = entries_.find(oid);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const Position through = entry.table.last ? std::min(durable_through, *entry.table.last) : durable_through;
  entry.reached = std::max(entry.reached, through);
  if (rows_changed == 0 || through <= entry.changed) return;
  const bool was_dirty = entry.dirty();
  entry.changed = through;
  if (!entry.dirty()) return;
  auto& since = entry.running ? entry.later_since : entry.waiting_since;
  if (!since) since = clock_.now();
  if (!was_dirty) {
    awake_ = true;
    changed_.notify_all();
  }
}

void MergeScheduler::add_truncates(RelationOid oid, const std::vector<Position>& positions) {
  std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(oid); found != entries_.end()) insert_behind(found->second.truncates, positions, found->second.merged());
}

void MergeScheduler::add_moved_keys(RelationOid oid, const std::vector<Position>& positions) {
  std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(oid); found != entries_.end()) insert_behind(found->second.moved_keys, positions, found->second.merged());
}

bool MergeScheduler::due_in_round(RelationOid oid, const Entry& entry, Instant now) const {
  return round_.contains(oid) && !entry.running && entry.dirty() && (!entry.retry_at || *entry.retry_at <= now);
}

void MergeScheduler::begin_round() {
  round_began_ = clock_.now();
  round_.clear();
  round_through_ = durable_;
  for (const auto& [oid, entry] : entries_) {
    // One that is nearly due comes along, so that intervals which are multiples of each other keep step.
    const Instant early = round_began_ + std::min(entry.table.interval / 10, kMostEarly);
    if (entry.dirty() && entry.next_due <= early && (!entry.retry_at || *entry.retry_at <= round_began_)) round_.insert(oid);
  }
}

MergeScheduler::Choice MergeScheduler::choose() const {
  const Instant now = clock_.now();
  Choice best{Work::nothing, 0, kIdle};
  const auto consider = [&](Work work, RelationOid oid, Instant due) {
    const Duration wait = std::max(due - now, Duration(0));
    if (best.work == Work::nothing ? wait < best.wait : wait < best.wait) best = {work, oid, wait};
  };
  for (const auto& [oid, entry] : entries_) {
    if (entry.running) continue;
    if (entry.wanted) return {Work::merge, oid, Duration(0)};
    if (holds_ > 0) continue;
    if (due_in_round(oid, entry, now)) best = {Work::merge, oid, Duration(0)};
    if (entry.dirty()) consider(Work::merge, oid, std::max(entry.next_due, entry.retry_at.value_or(entry.next_due)));
    if (entry.table.log_retention.count() > 0 && entry.begun && entry.merged() > entry.table.floor.position) {
      consider(Work::retain, oid, entry.retained_at ? *entry.retained_at + settings_.retention_pause : now);
    }
  }
  return best;
}

Duration MergeScheduler::step() {
  std::unique_lock working(working_, std::try_to_lock);
  if (!working) return std::chrono::milliseconds(10);  // somebody merges without the thread
  std::unique_lock lock(mutex_);
  const Choice choice = choose();
  if (choice.work == Work::nothing || choice.wait.count() > 0) return choice.wait;
  if (choice.work == Work::merge) {
    if (!entries_.at(choice.oid).wanted && !round_.contains(choice.oid)) begin_round();
    merge(lock, choice.oid);
    // One that was cut short goes on.
    const auto merged = entries_.find(choice.oid);
    if (merged == entries_.end() || merged->second.retry_at || merged->second.merged() >= round_through_) round_.erase(choice.oid);
    leave_if_done(choice.oid);
  } else {
    retain(lock, choice.oid);
  }
  changed_.notify_all();
  return Duration(0);
}

void MergeScheduler::merge(std::unique_lock<std::mutex>& lock, RelationOid oid) {
  const Instant began = clock_.now();
  Entry* entry = &entries_.at(oid);
  const Instant interval_from = round_.contains(oid) ? round_began_ : began;
  const Table table = entry->table;
  Position through = std::max(entry->reached, durable_);
  if (entry->wanted) {
    through = std::min(*entry->wanted, through);
  } else if (round_through_ > entry->merged()) {
    through = round_through_;
  }
  if (table.last) through = std::min(through, *table.last);
  const bool begun = entry->begun;
  const bool look = entry->look;
  MergeWindow window;
  window.from = entry->watermark.value_or(table.floor);
  window.through = through;
  window.handover = table.handover;
  window.truncates = any_up_to(entry->truncates, through);
  window.moved_keys = any_up_to(entry->moved_keys, through);
  if (!entry->dirty() || through <= window.from.position) {  // wanted, but there is nothing to do
    entry->wanted.reset();
    ++entry->attempts;
    return;
  }
  window.common = common_with(oid, through);
  entry->running = true;
  lock.unlock();
  std::optional<Watermark> begun_at;
  Result<MergeOutcome> outcome = [&]() -> Result<MergeOutcome> {
    if (!begun) {
      TRY(begun_at, table_merge_.begin(oid, table.floor));
      window.from = *begun_at;
    }
    if (window.through <= window.from.position) return MergeOutcome{window.from, 0, 0};
    return table_merge_.run(oid, table.layout, window, look);
  }();
  lock.lock();
  entry = &entries_.at(oid);  // remove_table waits for `running`
  entry->running = false;
  ++entry->attempts;
  entry->status.warehouse_seconds += seconds(clock_.now() - began);
  const bool same = entry->table.floor.generation == table.floor.generation;
  if (begun_at && same) {
    entry->begun = true;
    entry->watermark = begun_at;
  }
  entry->next_due = interval_from + table.interval;
  if (!outcome) return failed(lock, oid, std::move(outcome).error());
  ++entry->status.windows;
  entry->status.statements += outcome->statements;
  entry->status.rows += outcome->rows;
  entry->status.last_error.reset();
  entry->retry_at.reset();
  entry->retry.succeeded();
  if (!same) return;
  entry->watermark = outcome->watermark;
  if (window.common && outcome->watermark.position >= window.through) common_ = std::max(common_.value_or(Position{}), *window.common);
  const Position merged = entry->merged();
  forget_up_to(entry->truncates, merged);
  forget_up_to(entry->moved_keys, merged);
  if (merged >= window.through) {
    entry->look = false;
    entry->waiting_since = std::exchange(entry->later_since, std::nullopt);
    if (entry->dirty() && !entry->waiting_since) entry->waiting_since = began;
  } else {
    entry->next_due = began;  // cut short: go on
  }
  if (entry->wanted && (merged >= *entry->wanted || merged >= entry->reached || !entry->dirty())) entry->wanted.reset();
}

void MergeScheduler::failed(std::unique_lock<std::mutex>& lock, RelationOid oid, Error error) {
  Entry& entry = entries_.at(oid);
  entry.status.last_error = error;
  entry.wanted.reset();
  const Duration delay = entry.retry.next_delay(clock_.now(), random_);
  entry.retry_at = clock_.now() + delay;
  log_event(LogLevel::warn, "merge_failed", error.what, {{"table", entry.status.table}, {"code", error.code}, {"retry_in_ms", delay.count() / 1000}});
  if (!is_missing(error)) return;
  if (entry.table.last) {  // what is lost of a table that has stopped its next copy brings
    entries_.erase(oid);
    return;
  }
  if (!settings_.on_missing) return;
  lock.unlock();
  settings_.on_missing(oid, error);
  lock.lock();
}

void MergeScheduler::retain(std::unique_lock<std::mutex>& lock, RelationOid oid) {
  Entry* entry = &entries_.at(oid);
  const Instant began = clock_.now();
  const Table table = entry->table;
  const Watermark watermark = *entry->watermark;
  entry->running = true;
  lock.unlock();
  auto outcome = table_merge_.retain(table.layout, watermark, table.log_retention);
  lock.lock();
  entry = &entries_.at(oid);
  entry->running = false;
  entry->retained_at = began;
  entry->status.warehouse_seconds += seconds(clock_.now() - began);
  if (!outcome) return failed(lock, oid, std::move(outcome).error());
  entry->status.statements += outcome->statements;
}

Status MergeScheduler::merge_now(RelationOid oid, const Position& through) {
  std::unique_lock lock(mutex_);
  const auto pending = [&] {
    const auto found = entries_.find(oid);
    return found != entries_.end() && found->second.dirty() && found->second.merged() < std::min(through, found->second.reached);
  };
  while (pending()) {
    Entry& entry = entries_.at(oid);
    entry.wanted = entry.wanted ? std::max(*entry.wanted, through) : through;
    const std::uint64_t attempts = entry.attempts + (entry.running ? 1 : 0);
    awake_ = true;
    changed_.notify_all();
    if (thread_.joinable() && !thread_.get_stop_token().stop_requested()) {
      changed_.wait(lock, [&] {
        const auto found = entries_.find(oid);
        // The window that was under way may have gone as far as is wanted.
        return found == entries_.end() || found->second.attempts > attempts || !pending() || thread_.get_stop_token().stop_requested();
      });
      if (thread_.get_stop_token().stop_requested()) return make_error(Recovery::retry, "cancelled", "luge is stopping");
    } else {
      lock.unlock();
      step();
      lock.lock();
    }
    const auto found = entries_.find(oid);
    if (found != entries_.end() && found->second.attempts > attempts && found->second.status.last_error) return *found->second.status.last_error;
  }
  return ok();
}

Status MergeScheduler::merge_all(const Position& through) {
  std::vector<RelationOid> oids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [oid, entry] : entries_) oids.push_back(oid);
  }
  Status first;
  for (const RelationOid oid : oids) {
    Status status = merge_now(oid, through);
    if (!status && first) first = std::move(status);
  }
  return first;
}

void MergeScheduler::hold() {
  std::unique_lock lock(mutex_);
  ++holds_;
  changed_.wait(lock, [this] { return std::none_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.running; }); });
}

void MergeScheduler::release() {
  std::lock_guard lock(mutex_);
  --holds_;
  awake_ = true;
  changed_.notify_all();
}

std::vector<MergeStatus> MergeScheduler::statuses() const {
  std::lock_guard lock(mutex_);
  std::vector<MergeStatus> all;
  for (const auto& [oid, entry] : entries_) {
    MergeStatus status = entry.status;
    status.oid = oid;
    if (entry.watermark) status.merged = entry.watermark->position;
    status.reached = entry.reached;
    if (entry.dirty() && entry.waiting_since) status.seconds_behind = seconds(clock_.now() - *entry.waiting_since);
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace luge
