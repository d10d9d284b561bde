#pragma once
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "model/batch.h"

namespace luge {

/// Changes of tables that are being copied: stored with the checkpoint of their transaction, applied when the copy is finished.
/// Table _luge.pending(oid, attempt, seq, kind, epoch, commit_lsn, ordinal, xid, commit_time, payload); kind "rows": payload is an
/// encoded chunk; "truncate": the other columns say which. Worker's thread only; inside the connection's transaction.
class PendingChanges {
 public:
  /// Finds where to number on.
  Status open(DuckdbConnection& connection);

  Status add(DuckdbConnection& connection, Attempt attempt, Epoch epoch, const TableChunk& chunk);
  Status add(DuckdbConnection& connection, Attempt attempt, const Truncate& truncate);
  /// Forgets what was kept for attempts before `attempt`.
  Status forget_before(DuckdbConnection& connection, RelationOid oid, Attempt attempt);

  struct Visitor {
    std::function<Status(Epoch epoch, TableChunk chunk)> rows;
    std::function<Status(const Truncate& truncate)> truncate;
  };
  /// Hands over what was kept for `attempt`, in order, a few megabytes in memory at a time.
  Status replay(DuckdbConnection& connection, RelationOid oid, Attempt attempt, const Visitor& visitor);

 private:
  std::uint64_t next_sequence_ = 1;
};

}  // namespace luge
