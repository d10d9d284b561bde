#include "destination/null/null_destination.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "model/chunk_codec.h"

namespace luge {

namespace {

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
    } else if (const auto* finish = std::get_if<FinishCopy>(&op)) {
      TableRecord& record = tables_[finish->oid];
      record.state = TableState::catching_up;
      record.schema = finish->schema;
      record.snapshot = finish->snapshot;
      record.attempt = finish->attempt;
    } else if (const auto* barrier = std::get_if<Barrier>(&op)) {
      answer.barriers.push_back({barrier->id, std::make_shared<NoRows>()});
    }
  }
  rows_ += batch.rows;
  if (batch.complete) {
    frontier_.checkpoint = batch.checkpoint;
    CHECK_OK(save());
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

// First line: epoch, commit and end LSN, intent, witness (LSN and commit time), newest epoch. Then one line a table: oid, state, attempt, snapshot or -, shape as JSON or -.
Status NullDestination::save() const {
  std::ofstream file(path_ + ".new", std::ios::trunc);
  file << frontier_.checkpoint.epoch << '\t' << to_string(frontier_.checkpoint.commit_lsn) << '\t' << to_string(frontier_.checkpoint.end_lsn) << '\t'
       << to_string(intent_.within(frontier_.checkpoint.epoch)) << '\t' << to_string(frontier_.checkpoint.witness.commit_lsn) << '\t'
       << frontier_.checkpoint.witness.commit_time.micros << '\t' << newest_epoch_ << '\n';
  for (const auto& [oid, record] : tables_) {
    file << oid << '\t' << to_string(record.state) << '\t' << record.attempt << '\t' << (record.snapshot ? to_string(*record.snapshot) : "-") << '\t'
         << (record.schema ? encode_schema(*record.schema) : "-") << '\n';
  }
  file.close();
  if (!file || std::rename((path_ + ".new").c_str(), path_.c_str()) != 0)
    return fatal("null_position", "cannot write " + path_, "check the directory's rights and space");
  return ok();
}

Status NullDestination::load() {
  std::ifstream file(path_);
  if (!file) return ok();
  const Error broken = fatal("corrupt", path_ + " is not a position file of luge", "remove it to begin again");
  std::string line;
  if (!std::getline(file, line)) return broken;
  std::istringstream head(line);
  std::string commit_lsn, end_lsn, intent, witness_lsn;
  head >> frontier_.checkpoint.epoch >> commit_lsn >> end_lsn >> intent;
  const auto commit = Lsn::parse(commit_lsn), end = Lsn::parse(end_lsn), saved = Lsn::parse(intent);
  if (!head || !commit || !end || !saved) return broken;
  frontier_.checkpoint.commit_lsn = *commit;
  frontier_.checkpoint.end_lsn = *end;
  intent_ = {frontier_.checkpoint.epoch, *saved};
  std::int64_t witness_time = 0;
  head >> witness_lsn >> witness_time;  // files of before say nothing of it
  if (const auto witness = Lsn::parse(witness_lsn); head && witness) frontier_.checkpoint.witness = {*witness, {witness_time}};
  newest_epoch_ = 0;
  head >> newest_epoch_;
  while (std::getline(file, line)) {
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
