#include "destination/null/null_destination.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "model/chunk_codec.h"

namespace luge {

namespace {

constexpr int kMostNoted = 10'000;  // a megabyte

Error unwritable(const std::string& path) { return fatal("null_position", "cannot write " + path, "check the directory's rights and space"); }

Error nothing_to_read() { return fatal("null_destination", "null: keeps no rows, so there is nothing to read", "use --to duckdb:PATH"); }

class NoRows final : public ReadHandle {
 public:
  Status query(std::string_view /*sql*/, const OnColumns& /*on_columns*/, const OnRow& /*on_row*/) override { return nothing_to_read(); }
};

class Discard final : public CopyWriter {
 public:
  explicit Discard(std::atomic<std::uint64_t>& rows) : rows_(rows) {}
  Status write(TableChunk chunk) override {
    rows_ += chunk.rows;
    return ok();
  }
  Status finish() override { return ok(); }

 private:
  std::atomic<std::uint64_t>& rows_;
};

}  // namespace

Result<Frontier> NullDestination::open(const OpenRequest& request) {
  CHECK_OK(load());
  frontier_.mirror_uuid = "null";
  frontier_.fence = request.fence;
  Frontier frontier = frontier_;
  frontier.intent = intent_.within(frontier.checkpoint.epoch);
  frontier.newest_epoch = std::max(newest_epoch_, frontier.checkpoint.epoch);
  for (const auto& [oid, record] : tables_) frontier.tables.push_back(record);
  return frontier;
}

Result<Frontier> NullDestination::apply(Batch batch) {
  Frontier answer;
  for (BatchOp& op : batch.ops) {
    if (auto* set = std::get_if<SetTable>(&op)) {
      tables_[set->record.oid] = set->record;
      tables_changed_ = true;
    } else if (const auto* finish = std::get_if<FinishCopy>(&op)) {
      TableRecord& record = tables_[finish->oid];
      record.state = TableState::catching_up;
      record.schema = finish->schema;
      record.snapshot = finish->snapshot;
      record.attempt = finish->attempt;
      tables_changed_ = true;
    } else if (const auto* barrier = std::get_if<Barrier>(&op)) {
      answer.barriers.push_back({barrier->id, std::make_shared<NoRows>()});
    }
  }
  rows_ += batch.rows;
  if (batch.complete) {
    frontier_.checkpoint = batch.checkpoint;
    CHECK_OK(tables_changed_ ? save() : note_position());
  }
  answer.mirror_uuid = frontier_.mirror_uuid;
  answer.fence = frontier_.fence;
  answer.checkpoint = frontier_.checkpoint;
  answer.intent = intent_.within(frontier_.checkpoint.epoch);
  answer.rows_applied = batch.rows;
  return answer;
}

Result<std::unique_ptr<CopyWriter>> NullDestination::begin_copy(TableSchemaPtr /*schema*/, Attempt /*attempt*/) {
  return std::unique_ptr<CopyWriter>(std::make_unique<Discard>(rows_));
}
Status NullDestination::drop_copy(RelationOid /*oid*/, Attempt /*attempt*/) { return ok(); }
Result<std::shared_ptr<ReadHandle>> NullDestination::read() { return nothing_to_read(); }
Status NullDestination::record_intent(const Intent& intent) {
  intent_ = std::max(intent_, intent);
  return ok();
}
Status NullDestination::begin_epoch(Epoch epoch) {
  newest_epoch_ = std::max(newest_epoch_, epoch);
  return save();
}
Status NullDestination::close() { return save(); }

// epoch, commit and end LSN, intent, witness (LSN and commit time), newest epoch
std::string NullDestination::position_line() const {
  const Checkpoint& at = frontier_.checkpoint;
  std::ostringstream line;
  line << at.epoch << '\t' << to_string(at.commit_lsn) << '\t' << to_string(at.end_lsn) << '\t' << to_string(intent_.within(at.epoch)) << '\t'
       << to_string(at.witness.commit_lsn) << '\t' << at.witness.commit_time.micros << '\t' << newest_epoch_;
  return std::move(line).str();
}

bool NullDestination::read_position(const std::string& line) {
  std::istringstream fields(line);
  Checkpoint at;
  std::string commit_lsn, end_lsn, intent, witness_lsn;
  fields >> at.epoch >> commit_lsn >> end_lsn >> intent;
  const auto commit = Lsn::parse(commit_lsn), end = Lsn::parse(end_lsn), saved = Lsn::parse(intent);
  if (!fields || !commit || !end || !saved) return false;
  at.commit_lsn = *commit;
  at.end_lsn = *end;
  std::int64_t witness_time = 0;
  fields >> witness_lsn >> witness_time;  // files of before say nothing of it
  if (const auto witness = Lsn::parse(witness_lsn); fields && witness) at.witness = {*witness, {witness_time}};
  newest_epoch_ = 0;
  fields >> newest_epoch_;
  frontier_.checkpoint = at;
  intent_ = {at.epoch, *saved};
  return true;
}

// First line: the position. Then one line a table: oid, state, attempt, snapshot or -, shape as JSON or -. Then newer positions, each "@ position .".
Status NullDestination::save() {
  positions_.close();
  std::ofstream file(path_ + ".new", std::ios::trunc);
  file << position_line() << '\n';
  for (const auto& [oid, record] : tables_) {
    file << oid << '\t' << to_string(record.state) << '\t' << record.attempt << '\t' << (record.snapshot ? to_string(*record.snapshot) : "-") << '\t'
         << (record.schema ? encode_schema(*record.schema) : "-") << '\n';
  }
  file.close();
  if (!file || std::rename((path_ + ".new").c_str(), path_.c_str()) != 0) return unwritable(path_);
  positions_.open(path_, std::ios::app);
  noted_ = 0;
  tables_changed_ = false;
  return ok();
}

Status NullDestination::note_position() {
  if (!positions_.is_open() || noted_ == kMostNoted) return save();
  ++noted_;
  positions_ << "@\t" + position_line() + "\t.\n" << std::flush;
  if (!positions_) return unwritable(path_);
  return ok();
}

Status NullDestination::load() {
  std::ifstream file(path_);
  if (!file) return ok();
  const Error broken = fatal("corrupt", path_ + " is not a position file of luge", "remove it to begin again");
  std::string line;
  if (!std::getline(file, line) || !read_position(line)) return broken;
  while (std::getline(file, line)) {
    if (line.starts_with('@')) {
      const bool torn = !line.ends_with("\t.");  // the process ended while it wrote the last one
      if (!torn && !read_position(line.substr(1))) return broken;
      continue;
    }
    std::istringstream fields(line);
    TableRecord record;
    std::string state, snapshot, schema;
    fields >> record.oid >> state >> record.attempt >> snapshot;
    std::getline(fields >> std::ws, schema);
    const auto parsed = parse_table_state(state);
    if (!fields || !parsed) return broken;
    record.state = *parsed;
    if (snapshot != "-") record.snapshot = Snapshot::parse(snapshot);
    if (schema != "-") {
      TRY(record.schema, decode_schema(schema));
      record.name = record.schema->name;
    }
    tables_[record.oid] = std::move(record);
  }
  return ok();
}

}  // namespace luge
