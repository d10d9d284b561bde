#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/mirror_catalog.h"
#include "destination/duckdb/pending_changes.h"
#include "destination/duckdb/shadow_copies.h"
#include "destination/duckdb/table_changes.h"
#include "destination/duckdb/table_placement.h"
#include "model/batch.h"

namespace luge {

/// One DuckDB transaction: the operations of one batch, or of several when a transaction of the source is larger than a batch.
/// Worker's thread only. After an error: rollback().
class MirrorTransaction {
 public:
  MirrorTransaction(DuckdbConnection& connection, MirrorCatalog& catalog, PendingChanges& pending, ShadowCopies& copies, bool log_mode)
      : connection_(connection), catalog_(catalog), pending_(pending), copies_(copies), placement_(catalog, log_mode), log_mode_(log_mode) {}

  bool is_open() const { return open_; }
  /// Begins, checks the fence. No-op when open.
  Status begin(Fence fence);

  Status apply(Rows op, Epoch epoch);
  Status apply(const Truncate& op);
  Status apply(const SetTable& op);
  Status apply(const FinishCopy& op, Epoch epoch);
  /// Applies what was gathered; at the end of every batch, because the batch owns the memory.
  Status flush();

  Status commit();
  void rollback();

  /// Tables that this transaction changed by itself: quarantines, shapes, names. Valid until the next begin().
  std::vector<TableRecord> changed_records() const;
  /// Copies that newer attempts made useless; to be dropped after the commit, on their own.
  const std::map<RelationOid, Attempt>& outdated_copies() const { return outdated_copies_; }

 private:
  /// The changes of a table whose rows may be written; null: its rows are dropped.
  Result<TableChanges*> changes_of(RelationOid oid, const TableSchemaPtr& schema);
  /// After anything that may have changed shape, name or health of a table: stores what is new.
  Status settle(RelationOid oid);
  Status rename(MirrorTable& table, TableChanges& changes, const TableName& name);
  Status quarantine(MirrorTable table, Quarantine why);
  Result<TargetName> fetch_shadow(const FinishCopy& op);
  /// A log goes on behind what it holds, with the rows of the copy.
  Result<TableChanges> continue_log(const FinishCopy& op, const TargetName& shadow, Epoch epoch);
  Status drop(const TargetName& table, std::string_view doing);
  Status replay_pending(const FinishCopy& op, const TargetName& target, TableChanges& changes);
  /// Where a table that the catalog knows stands now: any claim() may have moved it.
  const TargetName& place_of(RelationOid oid) { return catalog_.find(oid)->target; }

  DuckdbConnection& connection_;
  MirrorCatalog& catalog_;
  PendingChanges& pending_;
  ShadowCopies& copies_;
  TablePlacement placement_;
  const bool log_mode_;
  bool open_ = false;
  std::uint64_t moment_ = 0;
  std::map<RelationOid, TableChanges> changes_;  ///< of tables this transaction wrote to
  std::map<RelationOid, bool> changed_;
  std::map<RelationOid, Attempt> outdated_copies_;
};

}  // namespace luge
