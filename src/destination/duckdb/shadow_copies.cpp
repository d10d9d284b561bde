#include "destination/duckdb/shadow_copies.h"

#include <charconv>
#include <thread>

#include "destination/duckdb/log_writer.h"
#include "destination/duckdb/mirror_writer.h"
#include "destination/duckdb/shape_change.h"

namespace luge {

namespace {

constexpr std::string_view kPrefix = "_luge_copy_";
constexpr std::uint64_t kRowsPerCommit = 8 * 122'880;  // whole row groups go straight into the file; only what is beyond them is logged

/// One connection per writing thread: DuckDB appends to one table from several transactions at once.
class ShadowWriter final : public CopyWriter {
 public:
  ShadowWriter(std::shared_ptr<ShadowCopies> copies, std::shared_ptr<DuckdbDatabase> database, TargetName target, RelationOid oid, Attempt attempt,
               bool log_mode, Epoch epoch)
      : copies_(std::move(copies)),
        database_(std::move(database)),
        target_(std::move(target)),
        oid_(oid),
        attempt_(attempt),
        log_mode_(log_mode),
        epoch_(epoch) {}

  Status write(TableChunk chunk) override {
    if (chunk.rows == 0) return ok();
    TRY(Lane * lane, lane_of_this_thread());
    if (!lane->in_transaction) {
      CHECK_OK(lane->connection->begin());
      lane->in_transaction = true;
    }
    if (log_mode_) {
      CHECK_OK(append_copied_to_log(*lane->connection, target_, chunk, epoch_, next_ordinal_.fetch_add(chunk.rows)));
    } else {
      CHECK_OK(append_rows(*lane->connection, target_, chunk));
    }
    lane->rows += chunk.rows;
    if (lane->rows >= kRowsPerCommit) CHECK_OK(commit(*lane));
    return ok();
  }

  Status finish() override {
    std::lock_guard lock(mutex_);
    for (auto& [thread, lane] : lanes_) {
      if (lane->in_transaction) CHECK_OK(commit(*lane));
    }
    lanes_.clear();
    copies_->mark_finished(oid_, attempt_);
    return ok();
  }

 private:
  struct Lane {
    std::unique_ptr<DuckdbConnection> connection;
    bool in_transaction = false;
    std::uint64_t rows = 0;
  };

  Result<Lane*> lane_of_this_thread() {
    std::lock_guard lock(mutex_);
    auto& lane = lanes_[std::this_thread::get_id()];
    if (!lane) {
      TRY(auto connection, database_->connect());
      lane = std::make_unique<Lane>();
      lane->connection = std::move(connection);
    }
    return lane.get();
  }

  static Status commit(Lane& lane) {
    lane.in_transaction = false;
    lane.rows = 0;
    return lane.connection->commit();
  }

  const std::shared_ptr<ShadowCopies> copies_;
  const std::shared_ptr<DuckdbDatabase> database_;
  const TargetName target_;
  const RelationOid oid_;
  const Attempt attempt_;
  const bool log_mode_;
  const Epoch epoch_;
  std::atomic<std::uint64_t> next_ordinal_{0};
  std::mutex mutex_;
  std::map<std::thread::id, std::unique_ptr<Lane>> lanes_;
};

struct Shadow {
  TargetName name;
  RelationOid oid = 0;
  Attempt attempt = 0;
};

Result<std::vector<Shadow>> all_shadows(DuckdbConnection& connection) {
  TRY(auto rows,
      connection.rows(
          "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_catalog() AND starts_with(table_name, '_luge_copy_')",
          "looking for unfinished copies"));
  std::vector<Shadow> out;
  for (const auto& row : rows) {
    Shadow shadow;
    shadow.name = {row[0].value_or(""), row[1].value_or("")};
    const char* at = shadow.name.table.data() + kPrefix.size();
    const char* end = shadow.name.table.data() + shadow.name.table.size();
    const auto oid = std::from_chars(at, end, shadow.oid);
    if (oid.ec != std::errc() || oid.ptr == end) continue;
    const auto attempt = std::from_chars(oid.ptr + 1, end, shadow.attempt);
    if (attempt.ec == std::errc() && attempt.ptr == end) out.push_back(std::move(shadow));
  }
  return out;
}

}  // namespace

TargetName ShadowCopies::name_of(const TableSchema& schema, Attempt attempt) {
  return {schema.name.schema, std::string(kPrefix) + std::to_string(schema.oid) + "_" + std::to_string(attempt)};
}

Result<std::unique_ptr<CopyWriter>> ShadowCopies::begin(const std::shared_ptr<DuckdbDatabase>& database, const TableSchemaPtr& schema,
                                                        Attempt attempt, Epoch epoch) {
  if (const auto unfit = unfit_shape(*schema, log_mode_)) return make_error(Recovery::quarantine_table, unfit->code, unfit->reason, unfit->fix);
  TRY(auto connection, database->connect());
  CHECK_OK(drop_older(*connection, schema->oid, attempt + 1));  // a repeated begin starts from nothing too
  const TargetName target = name_of(*schema, attempt);
  if (log_mode_) {
    CHECK_OK(create_log_table(*connection, target, *schema));
  } else {
    CHECK_OK(create_mirror_table(*connection, target, *schema));
  }
  {
    std::lock_guard lock(mutex_);
    finished_.erase({schema->oid, attempt});
  }
  return std::unique_ptr<CopyWriter>(std::make_unique<ShadowWriter>(shared_from_this(), database, target, schema->oid, attempt, log_mode_, epoch));
}

Status ShadowCopies::drop_older(DuckdbConnection& connection, RelationOid oid, Attempt before) {
  return sweep(connection, [&](RelationOid found, Attempt attempt) { return found != oid || attempt >= before; });
}

Status ShadowCopies::sweep(DuckdbConnection& connection, const std::function<bool(RelationOid oid, Attempt attempt)>& wanted) {
  TRY(const auto shadows, all_shadows(connection));
  for (const Shadow& shadow : shadows) {
    if (wanted(shadow.oid, shadow.attempt)) continue;
    CHECK_OK(connection.execute("DROP TABLE IF EXISTS " + connection.database().qualified(shadow.name), "dropping an unfinished copy"));
  }
  return ok();
}

bool ShadowCopies::finished_before(RelationOid oid, Attempt attempt, std::uint64_t moment) const {
  std::lock_guard lock(mutex_);
  const auto found = finished_.find({oid, attempt});
  return found != finished_.end() && found->second < moment;
}

void ShadowCopies::mark_finished(RelationOid oid, Attempt attempt) {
  std::lock_guard lock(mutex_);
  finished_[{oid, attempt}] = ++moment_;
}

}  // namespace luge
