#include "sim/sim_postgres.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::uint64_t kSystemIdentifier = 7123456789012345678ULL;
constexpr std::uint32_t kDatabaseOid = 16384;
constexpr std::uint32_t kPublicationOid = 16385;
constexpr Xid kFirstNormalXid = 3;

}  // namespace

std::shared_ptr<const TableVersion> SourceHistory::at(RelationOid oid, Lsn lsn) const {
  const auto found = tables.find(oid);
  if (found == tables.end()) return nullptr;
  const auto& steps = found->second;
  const auto after = std::upper_bound(steps.begin(), steps.end(), lsn, [](Lsn value, const Step& step) { return value < step.commit_lsn; });
  return after == steps.begin() ? nullptr : std::prev(after)->version;
}

SimPostgres::SimPostgres(PostgresOptions options, Dice dice, const Instant& now, const Trace& trace, Marks& marks)
    : options_(options),
      dice_(dice),
      now_(now),
      trace_(trace),
      marks_(marks),
      next_xid_(options.first_xid),
      latest_completed_(options.first_xid - 1) {}

Lsn SimPostgres::append(WalRecord record, std::uint64_t bytes) {
  record.lsn = insert_;
  insert_.value += (bytes + 7) & ~std::uint64_t{7};
  record.end = insert_;
  wal_.push_back(std::move(record));
  return wal_.back().lsn;
}

// FullTransactionIdAdvance: the special xids of each 32-bit turn are never given out.
Xid SimPostgres::take_xid() {
  const Xid xid = next_xid_++;
  if ((next_xid_ & 0xffffffffU) < kFirstNormalXid) {
    next_xid_ += kFirstNormalXid - (next_xid_ & 0xffffffffU);
    marks_.hit(Mark::xid_wraps);
  }
  return xid;
}

SourceTransaction& SimPostgres::begin() {
  transactions_.push_back(std::make_unique<SourceTransaction>());
  active_.push_back(transactions_.back().get());
  active_.back()->has_origin = dice_.percent(5);
  return *active_.back();
}

void SimPostgres::assign(SourceTransaction& transaction) {
  if (transaction.xid == 0) transaction.xid = take_xid();
  for (auto& savepoint : transaction.savepoints) {
    if (savepoint.subxid == 0) savepoint.subxid = take_xid();
  }
}

void SimPostgres::write(SourceTransaction& transaction, Change change) {
  assign(transaction);
  change.subxid = transaction.savepoints.empty() ? transaction.xid : transaction.savepoints.back().subxid;
  const bool exclusive = change.kind == Change::Kind::truncate || change.kind == Change::Kind::alter;
  for (const Change::Target& target : change.targets) {
    transaction.tables.insert(target.def->oid);
    if (exclusive) transaction.exclusive.insert(target.def->oid);
    for (const auto& values : {change.before, change.after}) {
      if (values && target.def->keyed()) transaction.keys.emplace(target.def->oid, target.def->key_of(*values));
    }
  }
  if (change.row != 0) transaction.rows.insert(change.row);
  trace_([&] {
    static constexpr const char* kNames[] = {"insert", "update", "delete", "truncate", "alter"};
    std::string kind = kNames[change.kind == Change::Kind::insert     ? 0
                              : change.kind == Change::Kind::update   ? 1
                              : change.kind == Change::Kind::remove   ? 2
                              : change.kind == Change::Kind::truncate ? 3
                                                                      : 4];
    std::string text = "source  " + to_string(insert_) + " xid " + std::to_string(transaction.xid) +
                       (change.subxid != transaction.xid ? "/" + std::to_string(change.subxid) : "") + " " + kind;
    for (const auto& target : change.targets) text += " " + target.def->name.table + (target.published ? "" : "(unpublished)");
    if (change.kind == Change::Kind::alter) {
      for (const SimColumn& column : change.def().columns)
        text += " " + std::to_string(column.attnum) + ":" + (column.dropped ? "dropped" : column.name);
    }
    return text + (change.row != 0 ? " row " + std::to_string(change.row) : "");
  });
  transaction.changes.push_back(std::move(change));
  WalRecord record;
  record.kind = WalRecord::Kind::change;
  record.transaction = &transaction;
  record.change = transaction.changes.size() - 1;
  const Lsn lsn = append(std::move(record), dice_.between(40, 200));
  if (transaction.first_lsn.is_zero()) transaction.first_lsn = lsn;
}

void SimPostgres::savepoint(SourceTransaction& transaction) { transaction.savepoints.push_back({0, {}, transaction.changes.size()}); }

void SimPostgres::release_savepoint(SourceTransaction& transaction) {
  auto done = std::move(transaction.savepoints.back());
  transaction.savepoints.pop_back();
  auto& heirs = transaction.savepoints.empty() ? transaction.released : transaction.savepoints.back().released;
  heirs.insert(heirs.end(), done.released.begin(), done.released.end());
  if (done.subxid != 0) heirs.push_back(done.subxid);
}

void SimPostgres::rollback_to_savepoint(SourceTransaction& transaction) {
  const auto undone = std::move(transaction.savepoints.back());
  transaction.savepoints.pop_back();
  for (std::size_t i = undone.first_change; i < transaction.changes.size(); ++i) {
    Change& change = transaction.changes[i];
    if (!change.rolled_back && change.kind == Change::Kind::alter) marks_.hit(Mark::schema_changes_rolled_back);
    change.rolled_back = true;
  }
  if (undone.subxid == 0) return;
  marks_.hit(Mark::savepoint_rollbacks);
  WalRecord record;
  record.kind = WalRecord::Kind::sub_abort;
  record.transaction = &transaction;
  record.subxids = undone.released;
  record.subxids.push_back(undone.subxid);
  for (const Xid subxid : record.subxids) completed(subxid);
  trace_([&] {
    return "source  " + to_string(insert_) + " xid " + std::to_string(transaction.xid) + " rollback to savepoint " + std::to_string(undone.subxid);
  });
  append(std::move(record), 48);
}

void SimPostgres::commit(SourceTransaction& transaction) {
  while (!transaction.savepoints.empty()) release_savepoint(transaction);
  transaction.state = SourceTransaction::State::committed;
  if (transaction.xid == 0) {
    transaction.visible = true;
    std::erase(active_, &transaction);
    return;
  }
  WalRecord record;
  record.kind = WalRecord::Kind::commit;
  record.transaction = &transaction;
  transaction.commit_lsn = append(std::move(record), dice_.between(40, 100));
  transaction.end_lsn = insert_;
  transaction.commit_time = PgTimestamp{now_.micros};
  record_history(transaction);
  marks_.hit(transaction.has_published() ? Mark::commits : Mark::empty_commits);
  trace_([&] {
    return "source  " + to_string(transaction.commit_lsn) + ".." + to_string(transaction.end_lsn) + " xid " + std::to_string(transaction.xid) +
           " COMMIT";
  });
  if (options_.sync_standby && !calm_ && dice_.percent(40)) {
    waiting_.push_back({now_ + dice_.millis(1, dice_.percent(10) ? 6000 : 400), &transaction});
  } else {
    make_visible(transaction);
  }
}

void SimPostgres::rollback(SourceTransaction& transaction) {
  transaction.state = SourceTransaction::State::aborted;
  marks_.hit(Mark::rollbacks);
  if (transaction.xid != 0) {
    WalRecord record;
    record.kind = WalRecord::Kind::abort;
    record.transaction = &transaction;
    while (!transaction.savepoints.empty()) release_savepoint(transaction);
    record.subxids = transaction.released;
    record.subxids.push_back(transaction.xid);
    for (const Xid subxid : record.subxids) completed(subxid);
    trace_([&] { return "source  " + to_string(insert_) + " xid " + std::to_string(transaction.xid) + " ROLLBACK"; });
    append(std::move(record), 48);
  }
  forget_locks(transaction);
  std::erase(active_, &transaction);
}

void SimPostgres::record_history(const SourceTransaction& transaction) {
  std::set<RelationOid> touched;
  for (const Change& change : transaction.changes) {
    if (change.rolled_back) continue;
    apply_change(change, ordered_);
    for (const auto& target : change.targets) touched.insert(target.def->oid);
  }
  for (const RelationOid oid : touched)
    history_->tables[oid].push_back({transaction.commit_lsn, std::make_shared<const TableVersion>(ordered_.at(oid))});
  history_->commits.emplace(transaction.commit_lsn, const_cast<SourceTransaction*>(&transaction));
}

void SimPostgres::make_visible(SourceTransaction& transaction) {
  for (const Change& change : transaction.changes) {
    if (!change.rolled_back) apply_change(change, visible_);
  }
  transaction.visible = true;
  completed(transaction.xid);
  for (const Xid subxid : transaction.released) completed(subxid);
  forget_locks(transaction);
  std::erase(active_, &transaction);
}

void SimPostgres::forget_locks(SourceTransaction& transaction) {
  transaction.tables.clear();
  transaction.exclusive.clear();
  transaction.rows.clear();
  transaction.keys.clear();
}

TableVersion SimPostgres::view(const SourceTransaction& transaction, RelationOid oid) const {
  TableMap own;
  own.emplace(oid, visible_.at(oid));
  for (const Change& change : transaction.changes) {
    if (change.rolled_back || !change.touches(oid)) continue;
    apply_change(change, own);
  }
  return std::move(own.at(oid));
}

bool SimPostgres::locked(const SourceTransaction& by_other_than, RelationOid oid, bool exclusive) const {
  if (exclusive && shared_locks.contains(oid)) return true;
  return std::any_of(active_.begin(), active_.end(), [&](const SourceTransaction* other) {
    return other != &by_other_than && (exclusive ? other->tables : other->exclusive).contains(oid);
  });
}

bool SimPostgres::row_locked(const SourceTransaction& by_other_than, RowId row) const {
  return std::any_of(active_.begin(), active_.end(),
                     [&](const SourceTransaction* other) { return other != &by_other_than && other->rows.contains(row); });
}

bool SimPostgres::key_locked(const SourceTransaction& by_other_than, RelationOid oid, const std::string& key) const {
  return std::any_of(active_.begin(), active_.end(), [&](const SourceTransaction* other) {
    return other != &by_other_than && other->keys.contains({oid, key});
  });
}

void SimPostgres::create_table(TableDef def) {
  const RelationOid oid = def.oid;
  TableVersion table;
  table.shapes.push_back(std::make_shared<const TableDef>(std::move(def)));
  SourceTransaction& ddl = begin();
  ddl.xid = take_xid();
  visible_[oid] = table;
  ordered_[oid] = table;
  history_->tables[oid].push_back({insert_, std::make_shared<const TableVersion>(table)});
  commit(ddl);
  last_ddl_ = insert_;
}

void SimPostgres::publish(RelationOid oid) {
  SourceTransaction& ddl = begin();
  ddl.xid = take_xid();
  for (const SourceTransaction* other : active_) {
    if (other->state == SourceTransaction::State::running && other->tables.contains(oid)) marks_.hit(Mark::writers_at_add_table);
  }
  published_.insert(oid);
  commit(ddl);
  if (!ddl.visible) {  // ALTER PUBLICATION waits like any other commit; here its client simply came back
    std::erase_if(waiting_, [&](const Waiting& entry) { return entry.transaction == &ddl; });
    make_visible(ddl);
  }
  last_ddl_ = insert_;
  invalidate(oid);
}

// GetSnapshotData: xmax is one past the latest completed transaction, not the next one to be given out.
Snapshot SimPostgres::snapshot() const {
  Snapshot snapshot;
  snapshot.xmax = latest_completed_ + 1;
  if ((snapshot.xmax & 0xffffffffU) < kFirstNormalXid) snapshot.xmax += kFirstNormalXid - (snapshot.xmax & 0xffffffffU);
  snapshot.xmin = snapshot.xmax;
  for (const SourceTransaction* other : active_) {
    if (other->xid == 0 || other->xid >= snapshot.xmax) continue;
    snapshot.in_progress.push_back(other->xid);
    snapshot.xmin = std::min(snapshot.xmin, other->xid);
  }
  std::sort(snapshot.in_progress.begin(), snapshot.in_progress.end());
  return snapshot;
}

Xid SimPostgres::current_xact_id() {
  const Xid xid = take_xid();
  completed(xid);
  return xid;
}

SessionFacts SimPostgres::facts() const {
  SessionFacts facts;
  facts.server_version = 150010;
  facts.system_identifier = kSystemIdentifier;
  facts.timeline = timeline_;
  facts.database_oid = kDatabaseOid;
  facts.server_lsn = insert_;
  facts.next_xid = snapshot().xmax;
  facts.wal_sender_timeout = options_.wal_sender_timeout;
  facts.slot.exists = slot_.exists;
  facts.slot.plugin = "pgoutput";
  facts.slot.database = "app";
  facts.slot.active = slot_active;
  facts.slot.active_pid = slot_active ? 4711 : 0;
  facts.slot.confirmed_flush = slot_.exists ? slot_.confirmed : Lsn{};
  facts.slot.restart = facts.slot.confirmed_flush;
  facts.slot.wal_status = slot_.lost ? "lost" : "reserved";
  facts.publication_exists = true;
  facts.publication_oid = kPublicationOid;
  facts.history = timelines_;
  return facts;
}

bool SimPostgres::try_create_slot() {
  if (!slot_waits_for_) {
    slot_waits_for_.emplace();
    for (SourceTransaction* other : active_) {
      if (other->xid != 0) slot_waits_for_->push_back(other);
    }
  }
  for (SourceTransaction* other : *slot_waits_for_) {
    if (std::find(active_.begin(), active_.end(), other) != active_.end()) return false;
  }
  slot_waits_for_.reset();
  slot_ = {true, false, insert_, insert_, insert_};
  marks_.hit(Mark::slots_recreated);
  trace_([&] { return "slot    created at " + to_string(insert_); });
  return true;
}

void SimPostgres::run() {
  if (!up_) {
    if (now_ < restart_at_) return;
    up_ = true;
    trace_([&] { return std::string("server  up again"); });
  }
  if (calm_ || now_ >= next_flush_) {
    flushed_ = insert_;
    next_flush_ = now_ + dice_.millis(0, 40);
  }
  for (std::size_t i = 0; i < waiting_.size();) {
    if (!calm_ && waiting_[i].at > now_) {
      ++i;
      continue;
    }
    SourceTransaction* ready = waiting_[i].transaction;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    make_visible(*ready);
    trace_([&] { return "source  xid " + std::to_string(ready->xid) + " is visible now"; });
  }
  if (now_ >= next_checkpoint_) {
    checkpoint();
    next_checkpoint_ = now_ + dice_.millis(2000, 30000);
  }
}

Instant SimPostgres::next_due() const {
  if (!up_) return restart_at_;
  Instant due = next_checkpoint_;
  if (flushed_ < insert_) due = std::min(due, next_flush_);
  for (const Waiting& entry : waiting_) due = std::min(due, entry.at);
  return due;
}

void SimPostgres::crash(Duration down_for) {
  up_ = false;
  restart_at_ = now_ + down_for;
  for (const Waiting& entry : std::exchange(waiting_, {})) make_visible(*entry.transaction);
  for (SourceTransaction* open : std::vector(active_)) {
    open->state = SourceTransaction::State::aborted;
    if (open->xid != 0) completed(open->xid);
    forget_locks(*open);
  }
  active_.clear();
  latest_completed_ = next_xid_ - 1;
  slot_waits_for_.reset();
  flushed_ = insert_;
  if (slot_.persisted < slot_.confirmed) {
    marks_.hit(Mark::slot_went_back);
    slot_.confirmed = std::max(slot_.persisted, slot_.consistent_point);
  }
  WalRecord record;
  record.kind = WalRecord::Kind::running_transactions;
  append(std::move(record), 64);
  flushed_ = insert_;
  trace_([&] { return "server  CRASH, slot at " + to_string(slot_.confirmed); });
}

void SimPostgres::invalidate(RelationOid oid) {
  WalRecord record;
  record.kind = WalRecord::Kind::invalidation;
  record.oid = oid;
  append(std::move(record), 32);
}

void SimPostgres::restore(Lsn to, bool new_timeline, bool keep_slot) {
  crash(dice_.millis(10, 500));
  while (!wal_.empty() && wal_.back().end > to) wal_.pop_back();  // to the end of a whole record
  insert_ = wal_.empty() ? to : wal_.back().end;
  flushed_ = insert_;
  ++course_;
  auto past = std::make_shared<SourceHistory>();
  for (const auto& [lsn, transaction] : history_->commits) {
    if (lsn < insert_) past->commits.emplace(lsn, transaction);
  }
  visible_.clear();
  for (const auto& [oid, steps] : history_->tables) {
    for (const auto& step : steps) {
      if (step.commit_lsn < insert_) past->tables[oid].push_back(step);
    }
    visible_[oid] = *past->tables.at(oid).back().version;
  }
  ordered_ = visible_;
  history_ = std::move(past);
  if (new_timeline) {
    timelines_.push_back({timeline_, insert_});
    ++timeline_;
  }
  if (!keep_slot) slot_ = {};
  slot_.confirmed = std::min(slot_.confirmed, insert_);
  slot_.persisted = slot_.confirmed;
  WalRecord record;
  record.kind = WalRecord::Kind::running_transactions;
  append(std::move(record), 64);
  flushed_ = insert_;
  marks_.hit(Mark::server_restores);
  trace_([&] { return "server  RESTORED to " + to_string(insert_) + " timeline " + std::to_string(timeline_); });
}

}  // namespace luge
