#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "destination/destination.h"
#include "destination/duckdb/duckdb_database.h"
#include "model/checkpoint.h"
#include "model/table_record.h"

namespace luge {

/// A table as the mirror knows it.
struct MirrorTable {
  TableRecord record;
  TargetName target;  ///< where its rows stand; meaningful when the record has a schema
};

/// luge's own tables in the file, schema "_luge":
///   meta(key, value)         format, mirror uuid, pipeline, mode, source, fence, catalog
///   checkpoint(epoch, commit_lsn, end_lsn, ack_intent, fence, written_at, witness_lsn, witness_time)   insert-only, so that writers never
///                            conflict; the newest counts
///   tables(…)                one row per table: TableRecord, and where its rows stand
///   pending(…)               see PendingChanges
/// Worker's thread only. Changes belong to the connection's open transaction: committed() and rolled_back() keep memory in step.
class MirrorCatalog {
 public:
  struct Identity {
    std::string uuid;
    Checkpoint checkpoint;
    Lsn intent;
    Epoch newest_epoch = 0;
    std::string catalog_memory;
  };

  /// Makes the schema in a new file, checks it in an old one, takes the fence over, reads everything. Own transaction.
  /// Error codes: "foreign", "mode", "fenced", "corrupt".
  Result<Identity> open(DuckdbConnection& connection, const OpenRequest& request);

  /// Fails with "fenced" unless the stored fence is `fence`. Also pins the transaction's snapshot.
  static Status check_fence(DuckdbConnection& connection, Fence fence);
  static Status write_checkpoint(DuckdbConnection& connection, const Checkpoint& checkpoint, Lsn intent, Fence fence);
  static Status begin_epoch(DuckdbConnection& connection, Epoch epoch);
  static Status remember(DuckdbConnection& connection, const std::string& catalog_memory);
  /// Deletes the rows that no longer count.
  static Status prune_checkpoints(DuckdbConnection& connection);

  MirrorTable* find(RelationOid oid);
  const std::map<RelationOid, MirrorTable>& tables() const { return tables_; }
  /// Stores a record.
  Status save(DuckdbConnection& connection, MirrorTable table);

  void committed() { undo_.clear(); }
  void rolled_back();

 private:
  Status create(DuckdbConnection& connection, const OpenRequest& request);
  Status check(DuckdbConnection& connection, const OpenRequest& request, Identity& identity);
  Status load_tables(DuckdbConnection& connection);

  std::map<RelationOid, MirrorTable> tables_;
  std::map<RelationOid, std::optional<MirrorTable>> undo_;  ///< as of the last commit
};

}  // namespace luge
