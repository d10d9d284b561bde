#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/frontier.h"
#include "model/intent.h"
#include "sim/destination_watcher.h"
#include "sim/marks.h"
#include "sim/mirror_table.h"
#include "sim/trace.h"

namespace luge {

/// Rows of one copy on their way in; durable piece by piece, and visible only after FinishCopy.
struct Shadow {
  Attempt attempt = 0;
  bool finished = false;
  std::uint32_t course = 0;  ///< the server's course of history when it was read
  MirrorRows rows;
};

/// What the oracle remembers beside a table, so that it is restored together with it.
struct CopyNotes {
  Lsn known_since;                      ///< transactions up to here were passed before the table's record was made: a copy must see them
  Xid stopped_until = 0;                ///< rows of these, streamed while the table was stopped, were dropped: a copy must see them too
  std::optional<Snapshot> seen;         ///< what the last finished copy saw
  std::uint32_t course = 0;             ///< the server's course of history then
};

/// Everything a destination has on disk. Cheap to copy: tables are shared until they change.
struct MirrorStore {
  Fence fence = 0;
  Checkpoint checkpoint;
  Intent intent;
  Epoch newest_epoch = 0;
  std::string catalog_memory;
  std::map<RelationOid, std::shared_ptr<const MirrorTable>> tables;
  std::map<RelationOid, std::shared_ptr<Shadow>> shadows;
  std::map<RelationOid, CopyNotes> notes;
};

/// A destination that outlives the instances that write into it: a plain, sequential reading of the same operations that the
/// real ones fold and vectorise. Fault model: a commit happens or not, whatever its writer is told; an older copy of the disk
/// may be put back; writers that were fenced are refused. Beyond that it keeps what a Destination promises: sim_conformance_test.cpp.
class SimDestination {
 public:
  SimDestination(const Trace& trace, Marks& marks) : trace_(trace), marks_(marks) {}
  void watched_by(DestinationWatcher& watcher) { watcher_ = &watcher; }

  Result<Frontier> open(Fence fence);
  /// As open() tells it.
  Frontier frontier() const;
  const MirrorStore& store() const { return store_; }
  void restore(const MirrorStore& older);
  Status record_intent(Fence fence, const Intent& intent);
  Status begin_epoch(Fence fence, Epoch epoch);

  /// One process's way in: one database transaction at a time, over one or more batches. Dropped without commit: rolled back.
  class Writer {
   public:
    Writer(SimDestination& destination, Fence fence) : destination_(destination), fence_(fence) {}
    /// Destination::apply. `delivered`: commit_lsn of the last transaction that the stream had delivered when the batch was handed over.
    /// `intent`: stored with the commit.
    Result<Frontier> apply(const Batch& batch, Lsn delivered, const Intent& intent);

   private:
    bool comes_again(const Batch& batch);
    void take(const Batch& batch, Lsn delivered);
    void commit(const Checkpoint& checkpoint, const Intent& intent);
    MirrorTable& touch(RelationOid oid);
    CopyNotes& notes(RelationOid oid);
    void rows(const Rows& rows, Epoch epoch);
    void truncate(const Truncate& truncate);
    void set_table(const SetTable& set, Lsn delivered);
    void finish_copy(const FinishCopy& finish);
    bool take_position(MirrorTable& table, const Position& position);
    /// False: the table stands still, and what is said to be for it is passed over.
    bool takes_rows(const MirrorTable& table);

    SimDestination& destination_;
    const Fence fence_;
    struct Open {
      std::map<RelationOid, std::shared_ptr<MirrorTable>> tables;
      std::map<RelationOid, CopyNotes> notes;
      std::vector<std::pair<RelationOid, Attempt>> used_copies;  ///< shadows of these attempts and older ones go
      std::optional<std::string> catalog_memory;
      int batches = 0;
      bool changes = false;  ///< rows, or a truncate
      Lsn last_commit;
    } open_;
  };

  Status begin_copy(Fence fence, const TableSchemaPtr& schema, Attempt attempt);
  Status write_copy(Fence fence, RelationOid oid, Attempt attempt, const TableChunk& chunk);
  Status finish_copy(Fence fence, RelationOid oid, Attempt attempt);
  Status drop_copy(Fence fence, RelationOid oid, Attempt attempt);

 private:
  Status check_fence(Fence fence) const;
  /// As apply() tells it.
  Frontier standing() const;

  const Trace& trace_;
  Marks& marks_;
  DestinationWatcher* watcher_ = nullptr;
  MirrorStore store_;
};

}  // namespace luge
