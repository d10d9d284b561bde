#include "sim/oracle.h"

#include <algorithm>

namespace luge {

namespace {

bool is_stopped(TableState state) { return state == TableState::quarantined || state == TableState::gap || state == TableState::dropped; }
bool is_copying(TableState state) { return state == TableState::waiting || state == TableState::copying || state == TableState::resyncing; }

bool matches(RowOp op, Change::Kind kind) {
  switch (op) {
    case RowOp::insert: return kind == Change::Kind::insert;
    case RowOp::update:
    case RowOp::old_image: return kind == Change::Kind::update;
    case RowOp::remove: return kind == Change::Kind::remove;
  }
  return false;
}

std::string describe(const std::vector<std::pair<std::int16_t, std::string>>& columns) {
  std::string text;
  for (const auto& [attnum, name] : columns) text += " " + std::to_string(attnum) + ":" + name;
  return text;
}

std::string describe(std::int16_t attnum, const std::string& name, Oid type, bool in_key) {
  return " " + std::to_string(attnum) + ":" + name + ":" + std::to_string(type) + (in_key ? ":key" : "");
}

void add_cell(std::string& row, const Cell& cell) {
  if (cell) {
    row += std::to_string(cell->size()) + ":" + *cell;
  } else {
    row += "null";
  }
  row += ',';
}

}  // namespace

void Oracle::fail(std::string invariant, std::string what) {
  if (failure_) return;
  trace_([&] { return "FAILED  " + invariant + ": " + what; });
  failure_ = Failure{std::move(invariant), std::move(what)};
}

void Oracle::session_started(Lsn confirmed) {
  legal_.insert(confirmed);
  legal_.insert(server_.slot().consistent_point);
}

void Oracle::transaction_delivered(Lsn commit_lsn) {
  if (commit_lsn <= delivered_most_) marks_.hit(Mark::replayed_transactions);
  delivered_most_ = std::max(delivered_most_, commit_lsn);
}

void Oracle::feedback(Lsn flushed, Lsn stored_intent, bool owner, Lsn intent_when_fenced) {
  if (flushed.is_zero()) return;
  if (!legal_.contains(flushed))
    return fail("I2", "feedback " + to_string(flushed) + " is neither the end of a transaction nor a keepalive position");
  if (!owner) {
    if (flushed > intent_when_fenced) fail("I10", "an instance that was fenced acknowledges " + to_string(flushed));
    return;
  }
  if (flushed > stored_intent) return fail("I1", "feedback " + to_string(flushed) + " is beyond the stored intent " + to_string(stored_intent));
  if (unproven_ && flushed > *unproven_) return fail("I11", "feedback " + to_string(flushed) + " in a session that began on another history");
  // A crash takes the slot itself back, and luge says no more than its session has seen; but never less than the slot knows.
  if (flushed < server_.slot().confirmed)
    return fail("I2", "feedback goes back from " + to_string(server_.slot().confirmed) + " to " + to_string(flushed));
  if (flushed > server_.slot().confirmed && flushed > destination_.store().checkpoint.end_lsn) marks_.hit(Mark::keepalive_positions_acknowledged);
  if (const auto* lost = incomplete(certified_, flushed)) {
    fail("I1", "feedback " + to_string(flushed) + ", but the transaction " + to_string(lost->commit_lsn) + ".." + to_string(lost->end_lsn) +
                   " is not durable");
  }
}

void Oracle::intent_saved(Lsn intent) {
  // A save that was under way when the server went back speaks of the other course; rule G has it or will have it.
  if (gap_open_ || (past_ && !past_judged_)) return;
  if (past_ && intent <= intent_before_) return;  // stored again as it was; nothing new is acknowledged by that
  if (const auto* lost = incomplete(certified_, intent)) {
    return fail("I1", "intent " + to_string(intent) + " is stored, but the transaction " + to_string(lost->commit_lsn) + ".." +
                          to_string(lost->end_lsn) + " is not durable");
  }
  certified_ = std::max(certified_, intent);
  intent_before_ = std::max(intent_before_, intent);
}

bool Oracle::complete(const SourceTransaction& transaction, const MirrorStore& store) const {
  if (store.checkpoint.epoch == epoch_ && transaction.commit_lsn <= store.checkpoint.commit_lsn) return true;
  for (const auto& [oid, table] : store.tables) {
    if (is_stopped(table->record.state) || !transaction.has_published(oid)) continue;
    const auto found = store.notes.find(oid);
    if (found != store.notes.end()) {
      if (transaction.commit_lsn <= found->second.known_since || transaction.xid < found->second.stopped_until) continue;
      if (found->second.seen && found->second.seen->visible(transaction.xid)) continue;
    }
    return false;
  }
  return true;
}

const SourceTransaction* Oracle::incomplete(Lsn from, Lsn through) const {
  const auto& commits = server_.history().commits;
  for (auto entry = commits.lower_bound(from); entry != commits.end() && entry->first < through; ++entry) {
    if (entry->second->end_lsn <= through && !complete(*entry->second, destination_.store())) return entry->second;
  }
  return nullptr;
}

const SourceTransaction* Oracle::find(Lsn commit_lsn) const {
  const auto& commits = server_.history().commits;
  const auto found = commits.find(commit_lsn);
  if (found != commits.end()) return found->second;
  if (!past_) return nullptr;
  const auto earlier = past_->commits.find(commit_lsn);
  return earlier == past_->commits.end() ? nullptr : earlier->second;
}

// The same place may hold a transaction of each history.
bool Oracle::is_present(const Witness& witness) const {
  const auto now = server_.history().commits.find(witness.commit_lsn);
  return now != server_.history().commits.end() && now->second->commit_time == witness.commit_time;
}

bool Oracle::lost(Lsn commit_lsn) const {
  if (!past_) return false;
  const auto before = past_->commits.find(commit_lsn);
  if (before == past_->commits.end()) return false;
  const auto now = server_.history().commits.find(commit_lsn);
  return now == server_.history().commits.end() || now->second != before->second;
}

bool Oracle::check_run(const TableChunk& chunk, std::uint32_t first_row, const TransactionRun& run, const CopyNotes& notes) {
  const std::string table = to_string(chunk.schema->name);
  const SourceTransaction* transaction = find(run.commit_lsn);
  const bool past_unjudged = past_ && !past_judged_;
  // The same place may hold a transaction of each history.
  if (past_unjudged && transaction != nullptr && transaction->xid != run.xid) {
    if (const auto earlier = past_->commits.find(run.commit_lsn); earlier != past_->commits.end()) transaction = earlier->second;
  }
  const auto refuse = [&](const std::string& why) {
    fail("I6", "table " + table + ", transaction " + to_string(run.commit_lsn) + ": " + why);
    return false;
  };
  if (transaction == nullptr) return refuse("the source never committed it");
  if (unproven_ && !past_->commits.contains(run.commit_lsn)) {
    fail("I11", "table " + table + " takes the transaction " + to_string(run.commit_lsn) + " of another history");
    return false;
  }
  if (transaction->xid != run.xid) return refuse("its xid is " + std::to_string(transaction->xid) + ", not " + std::to_string(run.xid));
  if (transaction->commit_time != run.commit_time) return refuse("it has another commit time");
  auto& expected = expected_[transaction];
  if (expected.empty()) {
    for (const Change& change : transaction->changes) {
      if (change.rolled_back || change.kind == Change::Kind::alter) continue;
      for (const auto& target : change.targets) {
        if (target.published) expected.push_back({target.def, change.kind});
      }
    }
  }
  const auto stored = destination_.store().tables.find(chunk.schema->oid);
  const bool copying = stored != destination_.store().tables.end() && is_copying(stored->second->record.state);
  const bool copied = notes.seen && notes.course == server_.course() && notes.seen->visible(run.xid);
  for (std::uint32_t row = first_row; row < run.end_row; ++row) {
    const std::uint64_t ordinal = chunk.ordinals[row];
    if (ordinal >= expected.size() || expected[ordinal].def->oid != chunk.schema->oid || !matches(chunk.ops[row], expected[ordinal].kind)) {
      return refuse("ordinal " + std::to_string(ordinal) + " is another change, or one that was rolled back");
    }
    // What the server was set back from is described by a catalog that may know nothing of it any more; rule G has it, or will have it.
    // While a copy is under way, a shape of before it may be read with the knowledge of an earlier copy; whatever was written in such a shape had
    // ended before the ALTER got its lock, so this copy will have seen it.
    if (copied || past_unjudged || copying) continue;
    if (const std::string difference = compare_relation(chunk.schema, expected[ordinal].def); !difference.empty()) {
      fail("I12", "table " + table + ", transaction " + to_string(run.commit_lsn) + ", ordinal " + std::to_string(ordinal) +
                      " was decoded with another relation than the server's at this place: " + difference);
      return false;
    }
  }
  return true;
}

// Columns that are dropped by now have left no trace of their names: which one of them a column was, nobody can tell (column_alignment.h).
std::int16_t Oracle::told_apart(RelationOid oid, std::int16_t attnum) const {
  const auto now = server_.visible().find(oid);
  if (now == server_.visible().end()) return attnum;
  const auto& columns = now->second.def()->columns;
  const auto index = static_cast<std::size_t>(attnum - 1);
  return index < columns.size() && columns[index].dropped ? std::int16_t{0} : attnum;
}

std::string Oracle::compare_relation(const TableSchemaPtr& decoded, const TableDefPtr& described) {
  if (same_relation_.first == decoded && same_relation_.second == described) return {};
  if (decoded->name != described->name) return "it is called " + to_string(described->name);
  if (decoded->identity != described->identity) return "its replica identity is another";
  const auto told = [&](std::int16_t attnum) { return told_apart(decoded->oid, attnum); };
  std::string mirror;
  for (std::size_t i = 0; i < decoded->columns.size(); ++i) {
    const ColumnSchema& column = decoded->columns[i];
    const bool in_key = std::find(decoded->key_columns.begin(), decoded->key_columns.end(), i) != decoded->key_columns.end();
    mirror += describe(told(column.attnum), column.name, column.type->oid, in_key);
  }
  std::string source;
  for (const SimColumn& column : described->columns) {
    if (!column.dropped) source += describe(told(column.attnum), column.name, column.type, column.in_key);
  }
  if (mirror != source) return "\n    decoded with" + mirror + "\n    described as" + source;
  same_relation_ = {decoded, described};
  return {};
}

void Oracle::destination_committed(const MirrorStore& store) {
  // Until rule G has spoken, what was under way at a restore may mix both courses; after it, everything is copied again or unharmed.
  if (past_ && !past_judged_) return;
  for (const auto& [oid, table] : store.tables) {
    if (table->record.state != TableState::live) continue;
    const auto notes = store.notes.find(oid);
    std::string difference = compare(table, notes->second, store.checkpoint.commit_lsn, server_.history());
    if (!difference.empty() && past_ && compare(table, notes->second, store.checkpoint.commit_lsn, *past_).empty()) difference.clear();
    if (!difference.empty())
      return fail("I5",
                  "at checkpoint " + to_string(store.checkpoint.commit_lsn) + " live table " + to_string(table->record.name) + " " + difference);
  }
}

std::string Oracle::compare(const std::shared_ptr<const MirrorTable>& table, const CopyNotes& notes, Lsn lsn, const SourceHistory& history) {
  const auto found = history.tables.find(table->record.oid);
  if (found == history.tables.end()) return "does not exist at the source";
  // The copy may have seen transactions beyond the checkpoint; they carried nothing afterwards.
  const auto& steps = found->second;
  auto next = std::upper_bound(steps.begin(), steps.end(), lsn, [](Lsn value, const SourceHistory::Step& step) { return value < step.commit_lsn; });
  while (next != steps.end() && notes.seen) {
    const auto transaction = history.commits.find(next->commit_lsn);
    if (transaction == history.commits.end() || !notes.seen->visible(transaction->second->xid)) break;
    ++next;
  }
  if (next == steps.begin()) return "did not exist at the source yet";
  const auto& version = std::prev(next)->version;
  // A shape may be known before its turn: as long as no change of the table comes between.
  auto shape = version;
  for (auto later = next; later != steps.end(); ++later) {
    const auto transaction = history.commits.find(later->commit_lsn);
    if (transaction == history.commits.end() || transaction->second->has_published(table->record.oid)) break;
    shape = later->version;
  }
  auto& last = compared_[table->record.oid];
  if (last == std::pair(table, version)) return {};
  std::string difference = compare_shape(*table, version->last_streamed, *shape);
  if (difference.empty()) difference = compare_rows(*table, *version);
  if (difference.empty()) last = {table, version};
  return difference;
}

// With no change after an ALTER the stream has not told the new shape yet; with one it has.
std::string Oracle::compare_shape(const MirrorTable& table, std::size_t oldest, const TableVersion& version) const {
  const TableSchemaPtr& schema = table.rows.schema();
  if (!schema) return "has no shape";
  std::string shapes;
  for (std::size_t i = oldest; i < version.shapes.size(); ++i) {
    std::vector<std::pair<std::int16_t, std::string>> source;
    for (const SimColumn& column : version.shapes[i]->columns) {
      if (!column.dropped) source.emplace_back(told_apart(table.record.oid, column.attnum), column.name);
    }
    std::vector<std::pair<std::int16_t, std::string>> mirror;
    for (const ColumnSchema& column : schema->columns) mirror.emplace_back(told_apart(table.record.oid, column.attnum), column.name);
    std::sort(source.begin(), source.end());
    std::sort(mirror.begin(), mirror.end());
    if (source == mirror) return {};
    if (shapes.empty()) shapes = "\n    mirror " + describe(mirror);
    shapes += "\n    source " + describe(source);
  }
  return "has columns that the source had not had since its last change" + shapes;
}

std::string Oracle::compare_rows(const MirrorTable& table, const TableVersion& version) const {
  std::vector<std::pair<std::size_t, std::size_t>> columns;  // mirror's, source's
  const auto& schema = *table.rows.schema();
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const auto index = static_cast<std::size_t>(schema.columns[i].attnum - 1);
    if (index < version.def()->columns.size() && !version.def()->columns[index].dropped) columns.emplace_back(i, index);
  }
  std::vector<std::string> mirror;
  for (const auto& [key, entry] : table.rows.entries()) {
    std::string row;
    for (const auto& [column, ignored] : columns) add_cell(row, entry.values[column]);
    mirror.insert(mirror.end(), entry.copies, row);
  }
  std::vector<std::string> source;
  for (const auto& [id, values] : version.rows) {
    std::string row;
    for (const auto& [ignored, column] : columns) add_cell(row, (*values)[column]);
    source.push_back(std::move(row));
  }
  std::sort(mirror.begin(), mirror.end());
  std::sort(source.begin(), source.end());
  if (mirror == source) return {};
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  std::set_difference(source.begin(), source.end(), mirror.begin(), mirror.end(), std::back_inserter(missing));
  std::set_difference(mirror.begin(), mirror.end(), source.begin(), source.end(), std::back_inserter(extra));
  std::string text = "differs: source " + std::to_string(source.size()) + " rows, mirror " + std::to_string(mirror.size());
  for (std::size_t i = 0; i < missing.size() && i < 3; ++i) text += "\n    only in the source: " + missing[i];
  for (std::size_t i = 0; i < extra.size() && i < 3; ++i) text += "\n    only in the mirror: " + extra[i];
  return text;
}

void Oracle::verdict(const GapVerdict& verdict, Epoch epoch, bool gap_possible) {
  using Kind = GapVerdict::Kind;
  if (verdict.kind == Kind::unavailable) return;
  const bool past_judged = std::exchange(past_judged_, true);
  epoch_ = epoch;
  const MirrorStore& store = destination_.store();
  gap_open_ = verdict.kind != Kind::resume;
  unproven_.reset();
  if (gap_open_) {
    if (!gap_possible) fail("I11", "a gap is reported although nothing happened: " + verdict.what);
    return;
  }
  const SimSlot& slot = server_.slot();
  if (!slot.exists || slot.lost) return fail("I11", "resume without a slot");
  if (store.checkpoint.epoch != epoch && store.checkpoint.epoch != 0) return;  // every table is copied again
  // Sent again is what commits at or beyond the slot's position.
  for (const auto& [lsn, transaction] : server_.history().commits) {
    if (lsn < slot.confirmed && !complete(*transaction, store)) {
      return fail("I11", "resume at " + to_string(slot.confirmed) + ", but the transaction " + to_string(lsn) + " is neither durable nor sent again");
    }
  }
  if (!past_) return;
  // The witness would have to be sent again and is not there any more: the stream will tell.
  if (const Witness& witness = store.checkpoint.witness; lost(witness.commit_lsn) && !is_present(witness) && slot.confirmed <= witness.commit_lsn) {
    unproven_ = witness.commit_lsn;
    past_judged_ = false;  // not even if a gap was reported before: nobody repaired it, and the server's WAL has grown over it
    return;
  }
  if (const auto held = held_of_lost(!past_judged)) {
    fail("I11", "resume, but table " + to_string(held->table) + " holds the transaction " + to_string(held->commit_lsn) + ", which the server lost");
  }
}

std::optional<Oracle::Held> Oracle::held_of_lost(bool by_checkpoint) const {
  const MirrorStore& store = destination_.store();
  for (const auto& [lsn, transaction] : past_->commits) {
    if (!lost(lsn)) continue;
    for (const auto& [oid, table] : store.tables) {
      if (!transaction->has_published(oid) || table->record.state != TableState::live) continue;  // an unsettled copy is made again
      const auto notes = store.notes.find(oid);
      const bool copied = notes != store.notes.end() && notes->second.course < server_.course() && notes->second.seen &&
                          notes->second.seen->visible(transaction->xid);
      if (copied || (by_checkpoint && lsn <= store.checkpoint.commit_lsn)) return Held{lsn, table->record.name};
    }
  }
  return std::nullopt;
}

void Oracle::gap_in_stream(bool gap_possible) {
  if (!gap_possible || !past_) return fail("I11", "the stream is said to show another history, but the server's has never changed");
  marks_.hit(Mark::gaps_found_in_stream);
  gap_open_ = true;
  unproven_.reset();
}

void Oracle::epoch_started(Lsn intent) {
  unproven_.reset();
  gap_open_ = false;
  certified_ = intent_before_ = intent;
  legal_.insert(intent);
  delivered_most_ = {};
}

void Oracle::history_changed(std::shared_ptr<const SourceHistory> before, Lsn to) {
  past_ = std::move(before);
  past_judged_ = false;
  unproven_.reset();
  certified_ = std::min(certified_, to);
  delivered_most_ = {};
}

bool Oracle::would_pass_unnoticed() const {
  const SimSlot& slot = server_.slot();
  if (!past_ || past_judged_ || !slot.exists || slot.lost) return false;
  const Witness& witness = destination_.store().checkpoint.witness;
  const bool provable = slot.confirmed <= witness.commit_lsn && lost(witness.commit_lsn) && !is_present(witness);
  return !provable && held_of_lost(true).has_value();
}

void Oracle::check_converged() {
  const MirrorStore& store = destination_.store();
  for (const auto& [oid, version] : server_.visible()) {
    if (!server_.published(oid) || !version.def()->selected) continue;
    const std::string name = to_string(version.def()->name);
    const auto found = store.tables.find(oid);
    if (found == store.tables.end()) return fail("I14", "table " + name + " was never taken in");
    if (found->second->record.state != TableState::live)
      return fail("I14", "table " + name + " is " + std::string(to_string(found->second->record.state)));
    const std::string difference = compare(found->second, store.notes.at(oid), server_.insert_lsn(), server_.history());
    if (!difference.empty()) return fail("I14", "at the end table " + name + " " + difference);
  }
}

}  // namespace luge
