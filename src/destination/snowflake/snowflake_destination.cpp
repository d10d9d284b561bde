#include <algorithm>
#include <utility>

#include "base/log.h"
#include "destination/snowflake/copy/snowflake_copy.h"
#include "destination/snowflake/sdk/python_bridge.h"
#include "destination/snowflake/snowflake_destination_impl.h"
#include "destination/snowflake/snowflake_reader.h"

namespace luge {

void SnowflakeDestination::let_go() {
  {
    std::lock_guard lock(mutex_);
    open_ = false;
  }
  stop_.request_stop();
  if (pool_) pool_->stop();
  if (scheduler_) scheduler_->stop();
  control_.reset();
  {
    std::scoped_lock lock(mutex_, transform_mutex_);
    copy_places_.clear();
    scheduler_.reset();
    pool_.reset();
    keeper_.reset();
    transform_.reset();
    connection_.reset();
  }
  merge_sql_.reset();
  tables_.clear();
  marks_.clear();
  taken_.clear();
  carried_.reset();
  answers_.clear();
  told_.clear();
}

Result<Frontier> SnowflakeDestination::open(const OpenRequest& request) {
  let_go();
  {
    std::lock_guard lock(mutex_);
    stop_ = std::stop_source();
  }
  Frontier frontier;
  if (Status opened = try_open(request, frontier); !opened) {
    Error error = gone_wrong(std::move(opened).error());
    let_go();
    return error;
  }
  ever_open_ = true;
  return frontier;
}

Status SnowflakeDestination::try_open(const OpenRequest& request, Frontier& frontier) {
  request_ = request;
  if (options_.transport == SnowflakeOptions::Transport::sdk) {
    PythonBridge::Options python;
    python.python = options_.python;
    python.ca_file = options_.ca_file;
    python.needs_pyarrow = !options_.transform.empty();
    TRY(const auto* started, PythonBridge::start(python));
    static_cast<void>(started);
    if (!options_.transform.empty()) {
      TRY(transform_, PythonTransform::load(options_.transform, options_.python, options_.ca_file));
    }
  }
  TRY(auto connection, SnowflakeConnection::make(options_, clock_));
  {
    std::lock_guard lock(mutex_);
    connection_ = std::move(connection);
  }
  std::shared_ptr<SqlSession> sql = connection_->sql(stop_.get_token());
  merge_sql_ = connection_->sql(stop_.get_token());
  TRY(const auto entries, ledger_.load_ledger(request.pipeline));
  TRY(control_, ControlChannel::open(*connection_, *sql, request.pipeline, stop_.get_token()));
  meta_ = {};
  if (const auto found = entries.find(std::string(kMetaKey)); found != entries.end()) {
    TRY(meta_, decode_meta_entry(found->second));
  }
  published_at_.reset();
  if (meta_.uuid.empty() || meta_.uuid != control_->uuid()) {
    // The ledger belongs to another mirror, or is lost: nothing it says of tables counts. What stands in Snowflake is copied anew, under an epoch
    // of its own, so that positions go on upwards.
    if (!meta_.uuid.empty()) {
      log_event(LogLevel::warn, "mirror_replaced", "the tables in Snowflake are not the ones that luge's state knows", {{"uuid", control_->uuid()}});
    }
    meta_ = {control_->uuid(), {control_->intent().epoch == 0 ? 0 : control_->intent().epoch + 1, {}, {}}, false, request.log_mode, current_state()};
    std::vector<LedgerChange> changes;
    for (const auto& [key, value] : entries) changes.push_back({key, std::nullopt});
    changes.push_back({std::string(kMetaKey), encode_meta_entry(meta_)});
    CHECK_OK(save(changes));
  } else {
    if (meta_.log_mode != request.log_mode) {
      return fatal(
          "mode",
          std::string("the tables of pipeline ") + request.pipeline + " in Snowflake were made with --mode " + (meta_.log_mode ? "log" : "mirror"),
          "use that mode, or another --pipeline");
    }
    if (meta_.current_state != current_state()) {
      return fatal("current_state",
                   "the tables of pipeline " + request.pipeline + " in Snowflake were made with current_state: " + meta_.current_state,
                   "use that, or another --pipeline with another schema");
    }
    CHECK_OK(load(entries));
    if (const auto found = entries.find(std::string(kCatalogKey)); found != entries.end()) frontier.catalog_memory = found->second;
    if (meta_.settled) {
      meta_.settled = false;
      for (auto& [oid, table] : tables_) {
        if (table.entry.shards != options_.shards_per_table && table.entry.has_log) new_generation(table, end_of(meta_.checkpoint));
      }
      std::vector<LedgerChange> changes{{std::string(kMetaKey), encode_meta_entry(meta_)}};
      for (const auto& [oid, table] : tables_) changes.push_back({std::string(kTablePrefix) + std::to_string(oid), encode_table_entry(table.entry)});
      CHECK_OK(save(changes));
    }
  }
  epoch_ = meta_.checkpoint.epoch;
  auto keeper = std::make_shared<TableKeeper>(options_, request.log_mode, TableOwner{request.pipeline, meta_.uuid}, std::move(sql));
  {
    std::lock_guard lock(mutex_);
    keeper_ = std::move(keeper);
  }
  CHECK_OK(start_pool());
  CHECK_OK(heal_all());
  for (auto& [oid, table] : tables_) {
    if (!table.entry.has_log) continue;
    schedule(table);
    if (scheduler_ && table.entry.fold.active && unmerged(table)) scheduler_->reached(oid, end_of(meta_.checkpoint), 1);
  }
  if (scheduler_) scheduler_->durable(end_of(meta_.checkpoint));
  frontier.mirror_uuid = meta_.uuid;
  frontier.fence = request.fence;
  frontier.checkpoint = meta_.checkpoint;
  frontier.intent = control_->intent().within(meta_.checkpoint.epoch);
  frontier.newest_epoch = std::max(meta_.checkpoint.epoch, control_->intent().epoch);
  for (const auto& [oid, table] : tables_) frontier.tables.push_back(table.record());
  std::lock_guard lock(mutex_);
  for (const auto& [oid, table] : tables_) {
    if (table.entry.has_log) copy_places_[oid] = table.entry.layout.place;
  }
  open_ = true;
  return ok();
}

Status SnowflakeDestination::load(const std::map<std::string, std::string>& entries) {
  for (const auto& [key, value] : entries) {
    if (key.starts_with(kTablePrefix)) {
      TRY(TableEntry entry, decode_table_entry(value));
      tables_[entry.record.oid].entry = std::move(entry);
    } else if (key.starts_with(kChannelPrefix)) {
      TRY(const ChannelMark mark, decode_channel_mark(value));
      marks_[key.substr(kChannelPrefix.size())] = mark;
    }
  }
  return ok();
}

std::string SnowflakeDestination::current_state() const {
  switch (options_.current_state) {
    case SnowflakeOptions::CurrentState::merge: return "merge";
    case SnowflakeOptions::CurrentState::view: return "view";
    case SnowflakeOptions::CurrentState::none: break;
  }
  return "none";
}

Status SnowflakeDestination::start_pool() {
  ActorPool::Settings settings;
  settings.actors = options_.actors;
  settings.longest_commit = options_.longest_commit * (1 << std::min(stalls_, 4));
  settings.settle = options_.settle;
  const auto connection = connection_;
  settings.make_client = [connection](const std::stop_token& stop) { return connection->ingest_client(stop); };
  settings.make_status_client = [connection](const std::stop_token& stop) { return connection->rest_client(stop); };
  auto pool = std::make_shared<ActorPool>(std::move(settings), clock_, request_.fence);
  {
    std::lock_guard lock(mutex_);
    pool_ = std::move(pool);
  }
  if (keeper_->merges()) {
    MergeScheduler::Settings merging;
    merging.schema = control_->schema();
    merging.pipeline = request_.pipeline;
    merging.on_missing = [this](RelationOid oid, const Error& error) {
      std::lock_guard lock(mutex_);
      missing_.emplace(oid, error);
    };
    auto scheduler = std::make_shared<MergeScheduler>(merge_sql_->client(), std::move(merging), clock_);
    CHECK_OK(scheduler->start());
    std::lock_guard lock(mutex_);
    scheduler_ = std::move(scheduler);
  }
  return ok();
}

Result<std::unique_ptr<CopyWriter>> SnowflakeDestination::begin_copy(TableSchemaPtr schema, Attempt attempt) {
  std::shared_ptr<SnowflakeConnection> connection;  // the keeper signs in with it
  std::shared_ptr<ActorPool> pool;
  std::shared_ptr<TableKeeper> keeper;
  std::string pipeline;
  Epoch epoch = 0;
  bool transforms = false;
  {
    std::lock_guard lock(mutex_);
    if (!open_) return not_open();
    connection = connection_;
    pool = pool_;
    keeper = keeper_;
    pipeline = request_.pipeline;
    epoch = epoch_;
    transforms = transform_ != nullptr;
  }
  TRY(const TableLayout layout, keeper->layout_of(*schema));
  CHECK_OK(keeper->begin_copy(layout, attempt, keeper->mark_of_copy(schema->oid, epoch, attempt)));
  {
    std::lock_guard lock(mutex_);
    if (keeper != keeper_) return not_open();  // opened again meanwhile
    copy_places_[schema->oid] = layout.place;
  }
  std::vector<std::shared_ptr<Channel>> channels;
  const std::string copy_table = snowflake_copy_name(layout.place, attempt);
  for (std::uint16_t shard = 0; shard < options_.shards_per_table; ++shard) {
    std::string name = "luge_" + pipeline + "_" + std::to_string(schema->oid) + "_e" + std::to_string(epoch) + "_a" + std::to_string(attempt) +
                       "_g0_" + std::to_string(shard);
    channels.push_back(pool->add({layout.place.schema, copy_table, std::move(name)}, schema->oid, shard, std::nullopt));
  }
  SnowflakeCopy::Transform transform;
  if (transforms) {
    transform = [this](TableChunk chunk) -> Result<TableChunk> {
      std::lock_guard lock(transform_mutex_);
      if (!transform_) return not_open();
      return transform_->apply(std::move(chunk));
    };
  }
  return std::unique_ptr<CopyWriter>(std::make_unique<SnowflakeCopy>(std::move(pool), std::move(channels), names_of(*schema, layout), epoch,
                                                                     keeper->merges() ? RowLayout::state : RowLayout::log, std::move(transform)));
}

Status SnowflakeDestination::drop_copy(RelationOid oid, Attempt attempt) {
  std::shared_ptr<SnowflakeConnection> connection;
  std::shared_ptr<TableKeeper> keeper;
  TableLayout layout;
  {
    std::lock_guard lock(mutex_);
    if (!open_) return not_open();
    const auto place = copy_places_.find(oid);
    if (place == copy_places_.end()) return ok();
    layout.place = place->second;
    connection = connection_;
    keeper = keeper_;
  }
  return keeper->drop_copy(layout, attempt);
}

Result<std::shared_ptr<ReadHandle>> SnowflakeDestination::read() {
  std::shared_ptr<SnowflakeConnection> connection;
  std::shared_ptr<MergeScheduler> scheduler;
  std::stop_token ends;
  {
    std::lock_guard lock(mutex_);
    if (!connection_ || !pool_) return not_open();
    connection = connection_;
    scheduler = scheduler_;
    ends = stop_.get_token();
  }
  std::shared_ptr<void> hold;
  if (scheduler) {
    scheduler->hold();
    hold = std::shared_ptr<void>(scheduler.get(), [scheduler](void*) { scheduler->release(); });
  }
  return make_snowflake_reader(std::move(connection), std::move(hold), std::move(ends));
}

bool SnowflakeDestination::wants_batch() const {
  std::lock_guard lock(mutex_);
  return open_ && (!missing_.empty() || pool_->has_news());
}

Status SnowflakeDestination::record_intent(const Intent& intent) {
  if (!control_) return not_open();
  return control_->record(intent);
}

Status SnowflakeDestination::begin_epoch(Epoch epoch) {
  if (!control_) return not_open();
  CHECK_OK(control_->record({epoch, Lsn{}}));
  return control_->settle(std::chrono::seconds(10));
}

Status SnowflakeDestination::close() {
  Status closed = ok();
  if (open_ && pool_ && !pool_->failure() && taken_.empty() && !carried_) {
    publish(Duration(0));
    closed = merge_all(end_of(meta_.checkpoint));
    if (closed && keeper_->views()) closed = control_->settle(kPublished);
    if (closed) {
      meta_.settled = true;
      closed = save({{std::string(kMetaKey), encode_meta_entry(meta_)}});
    }
  }
  let_go();
  return closed;
}

std::optional<DestinationHealth> SnowflakeDestination::health() const {
  DestinationHealth health;
  std::lock_guard lock(mutex_);
  if (!open_) return health;
  const ActorPool::Health pool = pool_->health();
  health.breaker = to_string(pool.breaker);
  health.last_error = pool.last_error;
  health.retries = pool.retries;
  health.rows_sent = pool.rows_sent;
  health.bytes_sent = pool.bytes_sent;
  for (const auto& [oid, rows] : pool_->rows_landed()) health.tables[oid].rows_landed = rows;
  if (!scheduler_) return health;
  if (const auto common = scheduler_->common()) health.common = to_string(common->commit_lsn);
  for (const MergeStatus& status : scheduler_->statuses()) {
    DestinationHealth::Table& table = health.tables[status.oid];
    if (status.merged) table.merged = to_string(status.merged->commit_lsn);
    table.seconds_behind = status.seconds_behind;
    table.statements = status.statements;
    table.warehouse_seconds = status.warehouse_seconds;
    if (status.last_error) table.error = status.last_error->what;
  }
  return health;
}

Result<std::unique_ptr<Destination>> make_snowflake_destination(SnowflakeOptions options, LedgerStore& ledger, const Clock& clock) {
  TRY(const auto tokens, snowflake_tokens(options, options.role, clock));
  return std::unique_ptr<Destination>(std::make_unique<SnowflakeDestination>(std::move(options), ledger, clock));
}

}  // namespace luge
