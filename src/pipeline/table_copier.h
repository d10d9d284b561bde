#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/memory_budget.h"
#include "destination/destination.h"
#include "pipeline/copy_memory.h"
#include "pipeline/driver.h"
#include "pipeline/ports.h"
#include "source/table_copy.h"

namespace luge {

/// The initial copies: algorithm E, whole-table mode, on threads of their own. `parallel_copies` tables at once, each read by
/// `copy_connections` sessions in ctid ranges; one more thread watches until each snapshot is settled. Chunks are built within a
/// quarter of the pipeline's memory (CopyMemory).
/// The port's calls come from the pipeline's thread; progress() from any.
class TableCopier final : public CopyPort {
 public:
  /// `options`, `destination` and `memory` outlive the copier. `wake` is called after each event.
  /// A session waits no longer than `longest_memory_wait` for the stream to make room: what that cannot give back (a row larger than the
  /// budget, an open transaction of very many pieces) keeps no copy waiting for ever.
  TableCopier(const DriverOptions& options, Destination& destination, MemoryBudget& memory, std::function<void()> wake,
              Duration longest_memory_wait = std::chrono::seconds(5));
  /// Cancels what runs and joins.
  ~TableCopier() override;

  void start(RelationOid oid, const TableName& name, Attempt attempt) override;
  void watch_settled(RelationOid oid, Attempt attempt, const Snapshot& snapshot) override;
  void cancel(RelationOid oid) override;
  std::optional<CopyEvent> try_take_event() override;

  /// Held, no table that waits begins, and says so as its phase; what runs goes on. Any thread.
  void hold(bool held);
  std::vector<CopyProgress> progress() const;

 private:
  struct Job {
    RelationOid oid = 0;
    TableName name;
    Attempt attempt = 0;
    std::stop_source stop;
    Instant started;
    // progress
    mutable std::mutex mutex;
    bool begun = false;
    std::string phase = "queued";
    Lsn read_at;
    std::optional<Quarantine> refused;  ///< a value that does not fit
    double estimated_rows = -1;
    std::atomic<std::uint64_t> rows{0};
    std::atomic<std::uint64_t> bytes{0};
    void set_phase(std::string text);
  };
  using JobPtr = std::shared_ptr<Job>;
  struct Watch {
    RelationOid oid = 0;
    Attempt attempt = 0;
    Snapshot snapshot;
  };

  void run(const std::stop_token& stop);
  void run_watch(const std::stop_token& stop);
  Result<CopyDone> copy(Job& job);
  Status read_ranges(Job& job, TableCopy& table, const TableSchemaPtr& schema, CopyWriter& writer);
  Status read_some(Job& job, Connection& session, const TableCopy& table, const TableSchemaPtr& schema, const std::vector<CopyRange>& ranges,
                   std::atomic<std::size_t>& next, CopyWriter& writer);
  Status wait_for_room(Job& job, const CopyMemory& memory);
  void emit(CopyEvent event);
  void watch(Watch watch);

  const DriverOptions& options_;
  Destination& destination_;
  MemoryBudget& memory_;
  const std::function<void()> wake_;
  const Duration longest_memory_wait_;
  const std::string publication_;
  SystemClock clock_;

  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any changed_;
  bool held_ = false;
  std::deque<JobPtr> queue_;
  std::map<RelationOid, JobPtr> jobs_;  ///< queued and running
  std::vector<Watch> watches_;
  std::deque<CopyEvent> events_;

  std::vector<std::jthread> threads_;
};

}  // namespace luge
