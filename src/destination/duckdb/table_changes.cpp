#include "destination/duckdb/table_changes.h"

#include <utility>

#include "destination/duckdb/log_writer.h"
#include "destination/duckdb/mirror_writer.h"
#include "destination/duckdb/shape_change.h"

namespace luge {

namespace {

Position position_of(const TableChunk& chunk, std::uint32_t row, Epoch epoch) {
  if (chunk.runs.empty()) return {epoch, {}, 0};
  return {epoch, run_of(chunk, row).commit_lsn, chunk.ordinals[row]};
}

}  // namespace

Status TableChanges::add(DuckdbConnection& connection, const TargetName& target, Epoch epoch, TableChunk chunk) {
  if (stopped_ || chunk.rows == 0) return ok();
  if (!same_shape(*schema_, *chunk.schema)) {
    CHECK_OK(flush(connection, target));
    if (stopped_) return ok();
    const Position first = position_of(chunk, 0, epoch);
    CHECK_OK(alter(connection, target, chunk.schema));
    if (stopped_) {
      stopped_->position = first;
      return ok();
    }
  }
  schema_ = chunk.schema;  // the same shape may have a new name or identity
  epoch_ = epoch;
  waiting_.push_back(std::move(chunk));
  return ok();
}

Status TableChanges::reshape(DuckdbConnection& connection, const TargetName& target, const TableSchemaPtr& schema, std::optional<Attempt> anew) {
  CHECK_OK(flush(connection, target));
  if (stopped_) return ok();
  if (!same_shape(*schema_, *schema)) CHECK_OK(alter(connection, target, schema, anew));
  if (!stopped_) schema_ = schema;
  return ok();
}

Status TableChanges::alter(DuckdbConnection& connection, const TargetName& target, const TableSchemaPtr& schema, std::optional<Attempt> anew) {
  stopped_ = unfit_shape(*schema, log_mode_);
  if (stopped_) return ok();
  ShapePlan plan = plan_shape_change(*schema_, *schema, log_mode_, anew);
  if (plan.refused) {
    stopped_ = std::move(plan.refused);
    return ok();
  }
  const std::string alter = "ALTER TABLE " + connection.database().qualified(target) + " ";
  for (const std::string& action : plan.actions) CHECK_OK(connection.execute(alter + action, "changing the shape of " + to_string(schema->name)));
  schema_ = schema;
  return ok();
}

Status TableChanges::truncate(DuckdbConnection& connection, const TargetName& target, const Truncate& truncate) {
  if (stopped_) return ok();
  if (log_mode_) {
    CHECK_OK(flush(connection, target));
    if (stopped_) return ok();
    return append_truncate_to_log(connection, target, *schema_, truncate);
  }
  waiting_.clear();
  CHECK_OK(connection.execute("DELETE FROM " + connection.database().qualified(target), "truncating " + to_string(schema_->name)));
  return ok();
}

void TableChanges::stop(std::string code, std::string reason, Position position) {
  Quarantine why;
  why.code = std::move(code);
  why.reason = std::move(reason);
  why.position = position;
  why.fix = resync_command(schema_->name);
  stopped_ = std::move(why);
}

Status TableChanges::flush(DuckdbConnection& connection, const TargetName& target) {
  const std::vector<TableChunk> chunks = std::exchange(waiting_, {});
  if (stopped_ || chunks.empty()) return ok();
  if (log_mode_) {
    for (const TableChunk& chunk : chunks) CHECK_OK(append_to_log(connection, target, chunk, epoch_));
    return ok();
  }
  TRY(const auto anomaly, apply_to_mirror(connection, target, chunks));
  if (anomaly) stop(anomaly->code, anomaly->reason, position_of(chunks[anomaly->at.chunk], anomaly->at.row, epoch_));
  return ok();
}

}  // namespace luge
