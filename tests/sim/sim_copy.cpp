#include "sim/sim_copy.h"

#include <algorithm>

#include "batch/chunk_builder.h"
#include "decode/relation_resolver.h"
#include "model/snapshot.h"

namespace luge {

SimCopy::~SimCopy() {
  for (auto& [oid, job] : jobs_) unlock(oid, job);
}

void SimCopy::start(RelationOid oid, const TableName& name, Attempt attempt) {
  cancel(oid);
  Job job;
  job.name = name;
  job.attempt = attempt;
  job.due = now_ + dice_.micros(100, 20'000);
  jobs_[oid] = std::move(job);
  marks_.hit(Mark::copies_started);
  trace_([&] { return "copy    " + name.table + " attempt " + std::to_string(attempt) + " starts"; });
}

void SimCopy::watch_settled(RelationOid oid, Attempt attempt, const Snapshot& snapshot) {
  cancel(oid);
  Job job;
  job.step = Step::watch;
  job.attempt = attempt;
  job.snapshot = snapshot;
  job.due = now_ + dice_.micros(100, 20'000);
  jobs_[oid] = std::move(job);
}

void SimCopy::unlock(RelationOid oid, Job& job) {
  job.memory.reset();
  if (!std::exchange(job.locked, false)) return;
  server_.shared_locks.erase(server_.shared_locks.find(oid));
}

void SimCopy::cancel(RelationOid oid) {
  const auto found = jobs_.find(oid);
  if (found == jobs_.end()) return;
  unlock(oid, found->second);
  jobs_.erase(found);
}

std::optional<CopyEvent> SimCopy::try_take_event() {
  if (events_.empty()) return std::nullopt;
  CopyEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Instant SimCopy::next_due() const {
  Instant due{INT64_MAX};
  for (const auto& [oid, job] : jobs_) due = std::min(due, job.due);
  return due;
}

void SimCopy::run() {
  std::vector<RelationOid> over;
  for (auto& [oid, job] : jobs_) {
    if (job.due > now_) continue;
    job.due = now_ + dice_.micros(500, 30'000);
    if (server_.up() && !advance(oid, job)) over.push_back(oid);
  }
  for (const RelationOid oid : over) cancel(oid);
}

bool SimCopy::advance(RelationOid oid, Job& job) {
  switch (job.step) {
    case Step::wait_for_writers:
      if (!job.asked) {
        job.asked = true;
        // Not the snapshot's xmax: that is one past the last transaction that ended, and a newer one may have written its commit
        // record already while a standby keeps it invisible.
        job.horizon = server_.current_xact_id();
        return true;
      }
      if (!old_transactions_gone(server_.snapshot(), job.horizon)) {
        if (!std::exchange(job.waited, true)) marks_.hit(Mark::copies_waited);
        return true;
      }
      job.step = Step::lock;
      return true;
    case Step::lock: lock_and_read(oid, job); return true;
    case Step::read:
      if (auto written = write_piece(oid, job); !written) {
        fail(oid, job, written.error());
        return false;
      }
      return true;
    case Step::finish: {
      unlock(oid, job);
      if (auto finished = destination_.finish_copy(fence_, oid, job.attempt); !finished) {
        fail(oid, job, finished.error());
        return false;
      }
      events_.push_back(CopyDone{oid, job.attempt, job.snapshot, job.schema, job.file_node, job.read_at});
      job.step = Step::watch;
      return true;
    }
    case Step::watch:
      if (server_.snapshot().xmin < job.snapshot.xmax || server_.timeline() != job.snapshot.timeline) return true;
      events_.push_back(CopySettled{oid, job.attempt, server_.insert_lsn()});
      return false;
  }
  return false;
}

// LOCK TABLE takes no snapshot; the snapshot comes after it, since TRUNCATE and rewriting ALTERs are not MVCC-safe.
void SimCopy::lock_and_read(RelationOid oid, Job& job) {
  const SourceTransaction nobody;
  const auto found = server_.visible().find(oid);
  if (found == server_.visible().end()) return;
  if (server_.locked(nobody, oid, false)) return;
  server_.shared_locks.insert(oid);
  job.locked = true;
  job.snapshot = server_.snapshot();
  job.snapshot.timeline = server_.timeline();
  job.read_at = server_.insert_lsn();
  const TableVersion& table = found->second;
  const CatalogTable catalog = to_catalog(*table.def(), server_.published(oid));
  auto schema = schema_from_catalog(catalog, [](const TableName&, const std::string&, const PgType&) { return ColumnOptions{}; });
  job.schema = *schema;
  job.file_node = catalog.file_node;
  for (const ColumnSchema& column : job.schema->columns) job.columns.push_back(static_cast<std::size_t>(column.attnum - 1));
  for (const auto& [id, values] : table.rows) job.rows.push_back(*values);
  trace_([&] { return "copy    " + job.name.table + " snapshot " + to_string(job.snapshot) + ", " + std::to_string(job.rows.size()) + " rows"; });
  job.step = Step::read;
  job.memory = std::make_unique<CopyMemory>(memory_, 1);
  if (auto begun = destination_.begin_copy(fence_, job.schema, job.attempt); !begun) job.step = Step::finish;  // refused there as well
}

Status SimCopy::write_piece(RelationOid oid, Job& job) {
  ChunkBuilder builder(job.schema);
  const std::size_t until = std::min(job.rows.size(), job.next_row + dice_.between(1, 12));
  for (; job.next_row < until; ++job.next_row) {
    const Values& row = job.rows[job.next_row];
    std::vector<ValueView> values;
    for (const std::size_t column : job.columns) {
      const Cell& cell = row[column];
      values.push_back(cell ? ValueView{ValueState::text, *cell} : ValueView{});
    }
    if (auto misfit = builder.append_copied(values)) return make_error(Recovery::quarantine_table, misfit->code, misfit->reason);
  }
  if (builder.rows() > 0) CHECK_OK(destination_.write_copy(fence_, oid, job.attempt, builder.finish()));
  if (job.next_row >= job.rows.size()) job.step = Step::finish;
  return ok();
}

void SimCopy::fail(RelationOid oid, Job& job, Error error) {
  trace_([&] { return "copy    " + job.name.table + " attempt " + std::to_string(job.attempt) + " fails: " + error.code; });
  CopyFailed failed;
  failed.oid = oid;
  failed.attempt = job.attempt;
  failed.error = std::move(error);
  events_.push_back(std::move(failed));
}

bool SimCopy::kill_one() {
  for (auto& [oid, job] : jobs_) {
    if (job.step == Step::watch) continue;
    fail(oid, job, make_error(Recovery::retry, "57P01", "the copy's connection was terminated"));
    marks_.hit(Mark::copies_killed);
    cancel(oid);
    return true;
  }
  return false;
}

void SimCopy::server_died() {
  std::vector<RelationOid> dead;
  for (auto& [oid, job] : jobs_) {
    if (job.step == Step::watch) continue;
    fail(oid, job, make_error(Recovery::retry, "08006", "the copy's connection was lost"));
    dead.push_back(oid);
  }
  for (const RelationOid oid : dead) cancel(oid);
}

}  // namespace luge
