#include "sim/workload.h"

#include <algorithm>

namespace luge {

namespace {

constexpr int kKeys = 24;

SimColumn column(const char* name, std::int16_t attnum, Oid type, bool in_key = false, bool toastable = false) {
  SimColumn made;
  made.name = name;
  made.attnum = attnum;
  made.type = type;
  made.in_key = in_key;
  made.toastable = toastable;
  return made;
}

TableDef keyed(RelationOid oid, const std::string& name, ReplicaIdentity identity) {
  TableDef def;
  def.oid = oid;
  def.name = {"public", name};
  def.identity = identity;
  def.columns = {column("id", 1, pg_oid::kInt4, true), column("name", 2, pg_oid::kText), column("amount", 3, pg_oid::kInt8),
                 column("body", 4, pg_oid::kText, false, true)};
  return def;
}

TableDef keyless(RelationOid oid) {
  TableDef def;
  def.oid = oid;
  def.name = {"public", "events"};
  def.identity = ReplicaIdentity::full;
  def.columns = {column("kind", 1, pg_oid::kInt4), column("flag", 2, pg_oid::kBool), column("label", 3, pg_oid::kText, false, true)};
  return def;
}

}  // namespace

Workload::Workload(SimPostgres& server, Dice dice, const Instant& now, Marks& marks)
    : server_(server),
      dice_(dice),
      now_(now),
      marks_(marks),
      sessions_(dice_.between(2, 5)),
      pace_ms_(static_cast<unsigned>(dice_.between(10, 120))),
      ddl_percent_(dice_.percent(40) ? 0 : static_cast<unsigned>(dice_.between(1, 4))),
      big_percent_(static_cast<unsigned>(dice_.between(0, 20))),
      new_tables_left_(static_cast<unsigned>(dice_.between(0, 3))) {}

void Workload::create_tables() {
  const auto add = [&](TableDef def, bool publish) {
    tables_.push_back(def.oid);
    const RelationOid oid = def.oid;
    server_.create_table(std::move(def));
    if (publish) server_.publish(oid);
  };
  add(keyed(16401, "accounts", ReplicaIdentity::key), true);
  add(keyed(16402, "documents", ReplicaIdentity::full), true);
  add(keyless(16403), true);
  TableDef unwanted = keyed(16404, "unwanted", ReplicaIdentity::key);
  unwanted.selected = false;
  add(std::move(unwanted), true);
  add(keyed(16405, "unpublished", ReplicaIdentity::key), false);
  next_table_ = now_ + dice_.millis(500, 6000);
}

Instant Workload::next_due() const {
  Instant due{INT64_MAX};
  if (!server_.up()) return due;
  for (const Session& session : sessions_) due = std::min(due, session.due);
  for (const NewTable& table : unpublished_) due = std::min(due, table.publish_at);
  return std::max(due, resting_until_);
}

void Workload::run() {
  if (!server_.up() || now_ < resting_until_) return;
  for (std::size_t i = 0; i < unpublished_.size();) {
    if (unpublished_[i].publish_at > now_) {
      ++i;
      continue;
    }
    server_.publish(unpublished_[i].oid);
    marks_.hit(Mark::tables_added);
    unpublished_.erase(unpublished_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (new_tables_left_ > 0 && now_ >= next_table_) new_table();
  for (Session& session : sessions_) {
    if (session.due > now_) continue;
    act(session);
    session.due = now_ + dice_.micros(100, std::uint64_t{2000} * pace_ms_);
  }
}

void Workload::new_table() {
  --new_tables_left_;
  next_table_ = now_ + dice_.millis(500, 8000);
  const RelationOid oid = ++last_oid_;
  server_.create_table(keyed(oid, "late_" + std::to_string(oid), dice_.percent(30) ? ReplicaIdentity::full : ReplicaIdentity::key));
  tables_.push_back(oid);
  unpublished_.push_back({oid, now_ + dice_.millis(0, 1500)});
}

void Workload::finish() {
  resting_until_ = {};
  for (Session& session : sessions_) {
    if (session.transaction != nullptr) server_.commit(*session.transaction);
    session.transaction = nullptr;
    session.due = {INT64_MAX};
  }
  for (const NewTable& table : unpublished_) server_.publish(table.oid);
  unpublished_.clear();
  new_tables_left_ = 0;
}

void Workload::server_died() {
  for (Session& session : sessions_) session.transaction = nullptr;
}

void Workload::act(Session& session) {
  if (session.transaction == nullptr) {
    session.transaction = &server_.begin();
    session.statements_left = static_cast<unsigned>(dice_.percent(big_percent_) ? dice_.between(12, 50) : dice_.between(1, 6));
    return;
  }
  if (session.statements_left > 0) {
    // A big transaction writes in bursts.
    for (std::uint64_t burst = session.statements_left > 8 ? dice_.between(1, 6) : 1; burst > 0 && session.statements_left > 0; --burst) {
      --session.statements_left;
      statement(session);
    }
    return;
  }
  if (session.transaction->xid != 0) ++transactions_;
  if (dice_.percent(10)) {
    server_.rollback(*session.transaction);
  } else {
    server_.commit(*session.transaction);
  }
  session.transaction = nullptr;
}

void Workload::statement(Session& session) {
  SourceTransaction& transaction = *session.transaction;
  const std::uint64_t choice = dice_.between(0, 99);
  if (choice < 36) return insert(transaction);
  if (choice < 66) return update(transaction, false);
  if (choice < 76) return remove(transaction);
  if (choice < 81) return update(transaction, true);
  if (choice < 84) return swap_keys(transaction);
  if (choice < 85) return truncate(transaction);
  if (choice < 85 + ddl_percent_) return alter(transaction);
  if (choice < 95) {
    if (transaction.savepoints.size() < 3) server_.savepoint(transaction);
    return;
  }
  if (transaction.savepoints.empty()) return;
  if (choice < 97) {
    server_.release_savepoint(transaction);
  } else {
    server_.rollback_to_savepoint(transaction);
  }
}

std::optional<RelationOid> Workload::pick_table(const SourceTransaction& transaction, bool exclusive) {
  const RelationOid oid = dice_.percent(70) ? tables_[dice_.below(3)] : dice_.pick(tables_);
  if (server_.locked(transaction, oid, exclusive)) return std::nullopt;
  return oid;
}

std::optional<RowId> Workload::pick_row(const SourceTransaction& transaction, const TableVersion& table) {
  if (table.rows.empty()) return std::nullopt;
  auto row = std::next(table.rows.begin(), static_cast<std::ptrdiff_t>(dice_.below(table.rows.size())));
  if (server_.row_locked(transaction, row->first)) return std::nullopt;
  return row->first;
}

Cell Workload::random_value(const SimColumn& of) {
  if (!of.in_key && dice_.percent(10)) return std::nullopt;
  switch (of.type) {
    case pg_oid::kBool: return dice_.percent(50) ? "t" : "f";
    case pg_oid::kInt4: return std::to_string(of.in_key ? dice_.between_int(1, kKeys) : dice_.between_int(-3, 3));
    case pg_oid::kInt8: return std::to_string(dice_.between(0, 1'000'000'000'000));
    default: break;
  }
  if (!of.toastable) return "n" + std::to_string(dice_.between(0, 9));
  if (dice_.percent(30)) return "short";
  return "out of line " + std::to_string(dice_.between(0, 999'999'999)) + std::string(8, 'x');
}

Values Workload::random_row(const SourceTransaction& transaction, const TableDef& def, bool& possible) {
  Values values(def.columns.size());
  for (const SimColumn& of : def.columns) {
    if (!of.dropped) values[static_cast<std::size_t>(of.attnum - 1)] = random_value(of);
  }
  possible = !def.keyed() || !server_.key_locked(transaction, def.oid, def.key_of(values));
  return values;
}

Change Workload::make(Change::Kind kind, const TableVersion& table) const {
  Change change;
  change.kind = kind;
  change.targets.push_back({table.def(), server_.published(table.def()->oid)});
  return change;
}

namespace {

bool has_key(const TableVersion& table, const std::string& key) {
  return std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return table.def()->key_of(*row.second) == key; });
}

}  // namespace

void Workload::insert(SourceTransaction& transaction) {
  const auto oid = pick_table(transaction, false);
  if (!oid) return;
  const TableVersion table = server_.view(transaction, *oid);
  bool possible = false;
  Values row = random_row(transaction, *table.def(), possible);
  if (!possible || (table.def()->keyed() && has_key(table, table.def()->key_of(row)))) return;
  Change change = make(Change::Kind::insert, table);
  change.row = server_.next_row_id();
  change.after = std::make_shared<const Values>(std::move(row));
  server_.write(transaction, std::move(change));
}

bool Workload::write_update(SourceTransaction& transaction, RelationOid oid, RowId row, Values after) {
  const TableVersion table = server_.view(transaction, oid);
  Change change = make(Change::Kind::update, table);
  change.row = row;
  change.before = table.rows.at(row);
  if (table.def()->keyed()) {
    const std::string key = table.def()->key_of(after);
    if (key != table.def()->key_of(*change.before)) {
      if (has_key(table, key) || server_.key_locked(transaction, oid, key)) return false;
      marks_.hit(Mark::key_changes);
    }
  }
  change.after = std::make_shared<const Values>(std::move(after));
  server_.write(transaction, std::move(change));
  return true;
}

void Workload::update(SourceTransaction& transaction, bool change_key) {
  const auto oid = pick_table(transaction, false);
  if (!oid) return;
  const TableVersion table = server_.view(transaction, *oid);
  const auto row = pick_row(transaction, table);
  if (!row) return;
  Values after = *table.rows.at(*row);
  for (const SimColumn& of : table.def()->columns) {
    if (of.dropped) continue;
    if (of.in_key ? change_key : dice_.percent(of.toastable ? 25 : 50)) after[static_cast<std::size_t>(of.attnum - 1)] = random_value(of);
  }
  write_update(transaction, *oid, *row, std::move(after));
}

void Workload::remove(SourceTransaction& transaction) {
  const auto oid = pick_table(transaction, false);
  if (!oid) return;
  const TableVersion table = server_.view(transaction, *oid);
  const auto row = pick_row(transaction, table);
  if (!row) return;
  Change change = make(Change::Kind::remove, table);
  change.row = *row;
  change.before = table.rows.at(*row);
  server_.write(transaction, std::move(change));
}

// 1 -> temporary, 2 -> 1, temporary -> 2.
void Workload::swap_keys(SourceTransaction& transaction) {
  const auto oid = pick_table(transaction, false);
  if (!oid) return;
  const TableVersion table = server_.view(transaction, *oid);
  if (!table.def()->keyed()) return;
  const auto first = pick_row(transaction, table);
  const auto second = pick_row(transaction, table);
  if (!first || !second || *first == *second) return;
  const Values one = *table.rows.at(*first);
  const Values two = *table.rows.at(*second);
  const auto with_key = [](Values values, const Cell& key) {
    values[0] = key;
    return values;
  };
  const std::string temporary = std::to_string(-1 - dice_.between_int(0, 3));
  if (!write_update(transaction, *oid, *first, with_key(one, temporary))) return;
  if (!write_update(transaction, *oid, *second, with_key(two, one[0]))) return;
  if (write_update(transaction, *oid, *first, with_key(one, two[0]))) marks_.hit(Mark::key_swaps);
}

void Workload::truncate(SourceTransaction& transaction) {
  Change change;
  change.kind = Change::Kind::truncate;
  const std::uint64_t count = dice_.between(1, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto oid = pick_table(transaction, true);
    if (!oid || change.touches(*oid)) return;
    change.targets.push_back({server_.view(transaction, *oid).def(), server_.published(*oid)});
  }
  server_.write(transaction, std::move(change));
}

void Workload::alter(SourceTransaction& transaction) {
  const auto oid = pick_table(transaction, true);
  if (!oid) return;
  const TableVersion table = server_.view(transaction, *oid);
  auto def = std::make_shared<TableDef>(*table.def());
  ++def->version;
  std::vector<SimColumn*> free;
  std::vector<SimColumn*> droppable;
  for (SimColumn& of : def->columns) {
    if (of.dropped || of.in_key) continue;
    free.push_back(&of);
    // With the column its default goes from the catalog; whoever decodes rows from between cannot know it any more.
    if (!of.missing) droppable.push_back(&of);
  }
  const std::uint64_t choice = dice_.between(0, 99);
  if (choice < 50 && def->columns.size() < 12) {
    static constexpr Oid kTypes[] = {pg_oid::kInt4, pg_oid::kText, pg_oid::kBool, pg_oid::kInt8};
    SimColumn added;
    added.attnum = static_cast<std::int16_t>(def->columns.size() + 1);
    added.name = "c" + std::to_string(added.attnum) + "_" + std::to_string(def->version);
    added.type = kTypes[dice_.below(4)];
    if (dice_.percent(60)) {
      added.missing = random_value(added);
    }
    def->columns.push_back(std::move(added));
  } else if (choice < 75 && free.size() > 1 && !droppable.empty()) {
    dice_.pick(droppable)->dropped = true;
  } else if (!free.empty()) {
    dice_.pick(free)->name = "r" + std::to_string(def->version) + "_" + std::to_string(dice_.between(0, 99));
  }
  marks_.hit(Mark::schema_changes);
  Change change;
  change.kind = Change::Kind::alter;
  change.targets.push_back({std::move(def), server_.published(*oid)});
  server_.write(transaction, std::move(change));
}

}  // namespace luge
