#include "pipeline/table_copier.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "batch/chunk_builder.h"
#include "decode/copy_reader.h"
#include "decode/relation_resolver.h"
#include "pipeline/misfit_quarantine.h"
#include "postgres/cancel_on_stop.h"
#include "postgres/sqlstate.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr std::uint64_t kRangeBytes = 64U << 20;
constexpr std::uint32_t kChunkRows = 61'440;  // 30 of DuckDB's vectors, half a row group
constexpr auto kWatchInterval = std::chrono::milliseconds(200);
constexpr auto kMemoryInterval = std::chrono::milliseconds(5);
constexpr const char* kHeldPhase = "held: the source's disk is nearly full";

std::vector<CopyColumn> columns_of(const TableSchema& schema) {
  std::vector<CopyColumn> columns;
  for (const ColumnSchema& column : schema.columns) columns.push_back({column.name, !has_binary_reader(*column.type, column.typmod, column.value)});
  return columns;
}

std::vector<bool> text_flags(const std::vector<CopyColumn>& columns) {
  std::vector<bool> flags;
  for (const CopyColumn& column : columns) flags.push_back(column.as_text);
  return flags;
}

/// The refused value as an error that stops the table; the details travel beside it.
Error refused(const TableName& table, const Misfit& misfit, Lsn read_at) {
  const Quarantine why = quarantine_of(table, misfit, {0, read_at, 0});
  return make_error(Recovery::quarantine_table, why.code, why.reason, why.fix);
}

/// What a copy's error means for its table: a lost session may come back.
Error for_table(Error error) {
  if (error.recovery == Recovery::reconnect) error.recovery = Recovery::retry;
  return error;
}

/// The server cannot read this table (rights of a partition, a damaged page): the others can go on.
Error of_reading(Error error, const TableName& table) {
  if (error.recovery != Recovery::stop_pipeline) return error;
  error.recovery = Recovery::quarantine_table;
  if (error.hint.empty()) error.hint = "repair the cause, then: luge resync " + to_string(table);
  return error;
}

Error stopped() { return make_error(Recovery::retry, sqlstate::kQueryCanceled, "stopped"); }

}  // namespace

void TableCopier::Job::set_phase(std::string text) {
  std::lock_guard lock(mutex);
  phase = std::move(text);
}

TableCopier::TableCopier(const DriverOptions& options, Destination& destination, MemoryBudget& memory, std::function<void()> wake,
                         Duration longest_memory_wait)
    : options_(options),
      destination_(destination),
      memory_(memory),
      wake_(std::move(wake)),
      longest_memory_wait_(longest_memory_wait),
      publication_(default_slot_name(options.pipeline)) {
  for (std::uint32_t i = 0; i < std::max(1U, options.parallel_copies); ++i) {
    threads_.emplace_back(InLogContext([this](const std::stop_token& stop) { run(stop); }));
  }
  threads_.emplace_back(InLogContext([this](const std::stop_token& stop) { run_watch(stop); }));
}

TableCopier::~TableCopier() {
  {
    std::lock_guard lock(mutex_);
    queue_.clear();
    for (auto& [oid, job] : jobs_) job->stop.request_stop();
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  changed_.notify_all();
  threads_.clear();
}

void TableCopier::start(RelationOid oid, const TableName& name, Attempt attempt) {
  auto job = std::make_shared<Job>();
  job->oid = oid;
  job->name = name;
  job->attempt = attempt;
  job->started = clock_.now();
  {
    std::lock_guard lock(mutex_);
    if (auto old = jobs_.find(oid); old != jobs_.end()) old->second->stop.request_stop();
    jobs_[oid] = job;
    queue_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void TableCopier::watch_settled(RelationOid oid, Attempt attempt, const Snapshot& snapshot) { watch({oid, attempt, snapshot}); }

void TableCopier::watch(Watch watch) {
  {
    std::lock_guard lock(mutex_);
    watches_.push_back(std::move(watch));
  }
  changed_.notify_all();
}

void TableCopier::cancel(RelationOid oid) {
  std::lock_guard lock(mutex_);
  if (auto found = jobs_.find(oid); found != jobs_.end()) {
    found->second->stop.request_stop();
    std::erase(queue_, found->second);
    jobs_.erase(found);
  }
  std::erase_if(watches_, [&](const Watch& watch) { return watch.oid == oid; });
}

std::optional<CopyEvent> TableCopier::try_take_event() {
  std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  std::optional<CopyEvent> event(std::move(events_.front()));
  events_.pop_front();
  return event;
}

void TableCopier::emit(CopyEvent event) {
  {
    std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  wake_();
}

void TableCopier::hold(bool held) {
  {
    std::lock_guard lock(mutex_);
    held_ = held;
  }
  changed_.notify_all();
}

std::vector<CopyProgress> TableCopier::progress() const {
  std::vector<JobPtr> jobs;
  bool held = false;
  {
    std::lock_guard lock(mutex_);
    held = held_;
    for (const auto& [oid, job] : jobs_) jobs.push_back(job);
  }
  std::vector<CopyProgress> all;
  for (const JobPtr& job : jobs) {
    CopyProgress progress;
    progress.oid = job->oid;
    progress.table = job->name;
    progress.attempt = job->attempt;
    progress.rows = job->rows.load();
    progress.bytes = job->bytes.load();
    progress.elapsed = clock_.now() - job->started;
    std::lock_guard lock(job->mutex);
    progress.phase = held && !job->begun ? kHeldPhase : job->phase;
    progress.estimated_rows = job->estimated_rows;
    all.push_back(std::move(progress));
  }
  return all;
}

void TableCopier::run(const std::stop_token& stop) {
  for (;;) {
    JobPtr job;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !held_ && !queue_.empty(); })) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    {
      std::lock_guard lock(job->mutex);
      job->begun = true;
      job->started = clock_.now();
    }
    auto done = copy(*job);
    const bool cancelled = job->stop.stop_requested();
    {
      std::lock_guard lock(mutex_);
      if (auto found = jobs_.find(job->oid); found != jobs_.end() && found->second == job) jobs_.erase(found);
    }
    if (cancelled) continue;
    if (done) {
      log_event(LogLevel::info, "copy_done", "the table is copied",
                {{"table", to_string(job->name)},
                 {"rows", job->rows.load()},
                 {"seconds", static_cast<double>((clock_.now() - job->started).count()) / 1e6}});
      const Watch next{job->oid, job->attempt, done->snapshot};
      emit(std::move(*done));
      watch(next);
    } else {
      emit(CopyFailed{job->oid, job->attempt, for_table(std::move(done).error()), job->refused, job->read_at});
    }
  }
}

Result<CopyDone> TableCopier::copy(Job& job) {
  TRY(Connection sql, Connection::open(options_.source, Connection::Kind::sql, job.stop.get_token()));
  const CancelOnStop cancel(sql, job.stop.get_token());
  job.set_phase("waiting for running transactions");
  CHECK_OK(wait_for_old_transactions(sql, job.stop.get_token(), [&](const std::string& who) {
    job.set_phase("waiting for " + (who.empty() ? std::string("running transactions") : who));
    log_event(LogLevel::info, "copy_waits", "the copy waits until transactions that were running have ended",
              {{"table", to_string(job.name)}, {"waits_for", who}});
  }));
  job.set_phase("waiting for the table's lock");
  TRY(TableCopy table, TableCopy::open(std::move(sql), job.oid, publication_, job.stop.get_token()));
  {
    std::lock_guard lock(job.mutex);
    job.read_at = table.read_at();
  }
  TRY(const TableSchemaPtr schema, schema_from_catalog(table.table(), options_.pipeline_options.columns));
  {
    std::lock_guard lock(job.mutex);
    job.phase = "copying";
    job.estimated_rows = table.table().estimated_rows;
    job.started = clock_.now();
  }
  log_event(LogLevel::info, "copy_started", "the table is read under one snapshot",
            {{"table", to_string(job.name)}, {"attempt", job.attempt}, {"snapshot", to_string(table.snapshot())}});
  TRY(const std::unique_ptr<CopyWriter> writer, destination_.begin_copy(schema, job.attempt));
  CHECK_OK(read_ranges(job, table, schema, *writer));
  CHECK_OK(table.finish());
  job.set_phase("writing");
  CHECK_OK(writer->finish());
  return CopyDone{job.oid, job.attempt, table.snapshot(), schema, table.table().file_node, table.read_at()};
}

Status TableCopier::read_ranges(Job& job, TableCopy& table, const TableSchemaPtr& schema, CopyWriter& writer) {
  TRY(const std::vector<CopyRange> ranges, table.plan(kRangeBytes));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  Status first_failure = ok();
  const auto fail = [&](Error error) {
    std::lock_guard lock(mutex);
    if (first_failure) first_failure = std::move(error);
    next = ranges.size();
  };
  std::vector<std::jthread> helpers;
  const std::size_t wanted = std::min<std::size_t>(std::max(1U, options_.copy_connections), ranges.size());
  for (std::size_t i = 1; i < wanted; ++i) {
    helpers.emplace_back([&] {
      auto session = join_snapshot(options_.source, table, job.stop.get_token());
      if (!session) {  // somebody waits for a stronger lock, or no session is free: those who read already will do
        log_event(LogLevel::info, "copy_helper_missing", session.error().what, {{"table", to_string(job.name)}});
        return;
      }
      const CancelOnStop cancel(*session, job.stop.get_token());
      if (auto status = read_some(job, *session, table, schema, ranges, next, writer); !status) fail(std::move(status).error());
    });
  }
  if (auto status = read_some(job, table.session(), table, schema, ranges, next, writer); !status) fail(std::move(status).error());
  helpers.clear();
  return first_failure;
}

Status TableCopier::read_some(Job& job, Connection& session, const TableCopy& table, const TableSchemaPtr& schema,
                              const std::vector<CopyRange>& ranges, std::atomic<std::size_t>& next, CopyWriter& writer) {
  CopyMemory memory(memory_, std::max(1U, options_.parallel_copies) * std::max(1U, options_.copy_connections));
  CHECK_OK(wait_for_room(job, memory));
  const std::vector<CopyColumn> columns = columns_of(*schema);
  ChunkBuilder builder(schema);
  std::uint64_t copied_bytes = 0;
  const auto hand_over = [&]() -> Status {
    if (builder.rows() == 0) return ok();
    job.rows += builder.rows();
    job.bytes += std::exchange(copied_bytes, 0);
    Status written = writer.write(builder.finish());
    memory.let_go();
    return written;
  };
  for (std::size_t index = next++; index < ranges.size(); index = next++) {
    if (Status started = session.start_copy_out(table.copy_command(ranges[index], columns)); !started) {
      return of_reading(std::move(started).error(), schema->name);
    }
    CopyReader reader(text_flags(columns));
    for (;;) {
      const auto bytes = session.next_copy_data();
      if (!bytes) return of_reading(bytes.error(), schema->name);
      if (!*bytes) break;
      copied_bytes += (*bytes)->size();
      memory.hold(builder.bytes() + (*bytes)->size());
      reader.feed(**bytes);
      for (;;) {
        TRY(const auto row, reader.next());
        if (!row) break;
        if (const auto misfit = builder.append_copied(*row)) {
          std::lock_guard lock(job.mutex);
          job.refused = Quarantine{misfit->code, {}, misfit->column, misfit->type, {}, {}};
          return refused(schema->name, *misfit, table.read_at());
        }
      }
      if (builder.rows() >= kChunkRows || builder.bytes() >= memory.share()) CHECK_OK(hand_over());
      if (job.stop.stop_requested()) return stopped();
    }
    CHECK_OK(reader.finish());
  }
  return hand_over();
}

Status TableCopier::wait_for_room(Job& job, const CopyMemory& memory) {
  if (memory.has_room()) return ok();
  job.set_phase("waiting for memory");
  const Instant until = clock_.now() + longest_memory_wait_;
  while (!memory.has_room() && clock_.now() < until) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, job.stop.get_token(), kMemoryInterval, [] { return false; });
    if (job.stop.stop_requested()) return stopped();
  }
  job.set_phase("copying");
  return ok();
}

void TableCopier::run_watch(const std::stop_token& stop) {
  std::optional<Connection> sql;
  while (!stop.stop_requested()) {
    std::vector<Watch> watches;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !watches_.empty(); })) return;
      watches = watches_;
    }
    if (!sql || sql->broken()) {
      sql.reset();
      if (auto opened = Connection::open(options_.source, Connection::Kind::sql, stop)) sql.emplace(std::move(*opened));
    }
    for (const Watch& watch : watches) {
      if (!sql) break;
      const auto position = settled_position(*sql, watch.snapshot);
      if (!position || !*position) continue;
      {
        std::lock_guard lock(mutex_);
        std::erase_if(watches_, [&](const Watch& other) { return other.oid == watch.oid && other.attempt == watch.attempt; });
      }
      emit(CopySettled{watch.oid, watch.attempt, **position});
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kWatchInterval, [] { return false; });
  }
}

}  // namespace luge
