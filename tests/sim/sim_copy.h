#pragma once
#include <deque>
#include <map>
#include <memory>

#include "pipeline/copy_memory.h"
#include "pipeline/ports.h"
#include "sim/dice.h"
#include "sim/sim_destination.h"
#include "sim/sim_postgres.h"

namespace luge {

/// Algorithm E, whole-table mode (postgres.md §11), as steps that other things happen between. Fault model: killed anywhere.
class SimCopy final : public CopyPort {
 public:
  SimCopy(SimPostgres& server, SimDestination& destination, MemoryBudget& memory, Fence fence, Dice dice, const Instant& now, const Trace& trace,
          Marks& marks)
      : server_(server), destination_(destination), memory_(memory), fence_(fence), dice_(dice), now_(now), trace_(trace), marks_(marks) {}
  ~SimCopy() override;

  void start(RelationOid oid, const TableName& name, Attempt attempt) override;
  void watch_settled(RelationOid oid, Attempt attempt, const Snapshot& snapshot) override;
  void cancel(RelationOid oid) override;
  std::optional<CopyEvent> try_take_event() override;

  void run();
  bool has_event() const { return !events_.empty(); }
  Instant next_due() const;
  bool busy() const { return !jobs_.empty(); }

  // Faults.
  /// False: none was reading.
  bool kill_one();
  /// Locks and snapshots are gone with the server.
  void server_died();

 private:
  enum class Step : char { wait_for_writers, lock, read, finish, watch };
  struct Job {
    Step step = Step::wait_for_writers;
    TableName name;
    Attempt attempt = 0;
    Instant due;
    bool asked = false;
    bool locked = false;
    std::unique_ptr<CopyMemory> memory;  ///< while it reads
    bool waited = false;
    Xid horizon = 0;
    Snapshot snapshot;
    TableSchemaPtr schema;
    std::uint32_t file_node = 0;
    Lsn read_at;
    std::vector<Values> rows;
    std::size_t next_row = 0;
    std::vector<std::size_t> columns;  ///< index into a row, per schema column
  };

  bool advance(RelationOid oid, Job& job);  ///< false: the job is over
  void lock_and_read(RelationOid oid, Job& job);
  Status write_piece(RelationOid oid, Job& job);
  void unlock(RelationOid oid, Job& job);
  void fail(RelationOid oid, Job& job, Error error);

  SimPostgres& server_;
  SimDestination& destination_;
  MemoryBudget& memory_;
  const Fence fence_;
  Dice dice_;
  const Instant& now_;
  const Trace& trace_;
  Marks& marks_;
  std::map<RelationOid, Job> jobs_;
  std::deque<CopyEvent> events_;
};

}  // namespace luge
