#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "destination/destination.h"
#include "destination/duckdb/duckdb_database.h"

namespace luge {

/// Tables that copies fill beside the live ones: "_luge_copy_<oid>_<attempt>" in the schema of the table to be, because DuckDB
/// renames tables but does not move them between schemas. Thread-safe.
class ShadowCopies : public std::enable_shared_from_this<ShadowCopies> {
 public:
  explicit ShadowCopies(bool log_mode) : log_mode_(log_mode) {}

  static TargetName name_of(const TableSchema& schema, Attempt attempt);

  /// Drops what older attempts left and makes the shadow. A shape that DuckDB cannot hold: an error with recovery quarantine_table.
  Result<std::unique_ptr<CopyWriter>> begin(const std::shared_ptr<DuckdbDatabase>& database, const TableSchemaPtr& schema, Attempt attempt,
                                            Epoch epoch);
  /// Drops the shadows of `oid` whose attempt is below `before`.
  static Status drop_older(DuckdbConnection& connection, RelationOid oid, Attempt before);
  /// Drops every shadow for which `wanted` says no.
  static Status sweep(DuckdbConnection& connection, const std::function<bool(RelationOid oid, Attempt attempt)>& wanted);

  /// Call before a transaction begins; its number tells later whether it can see a finished copy.
  std::uint64_t next_moment() { return ++moment_; }
  /// True if the copy was finished before `moment`.
  bool finished_before(RelationOid oid, Attempt attempt, std::uint64_t moment) const;
  bool finished(RelationOid oid, Attempt attempt) const { return finished_before(oid, attempt, UINT64_MAX); }
  void mark_finished(RelationOid oid, Attempt attempt);

 private:
  const bool log_mode_;
  std::atomic<std::uint64_t> moment_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<RelationOid, Attempt>, std::uint64_t> finished_;
};

}  // namespace luge
