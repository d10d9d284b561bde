#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "destination/destination.h"
#include "model/lsn.h"
#include "pipeline/pipeline_options.h"
#include "pipeline/pipeline_status.h"
#include "pipeline/relief.h"
#include "pipeline/wake_event.h"
#include "postgres/connection_options.h"
#include "source/schema_cache.h"
#include "source/session_facts.h"
#include "state/state_store.h"

namespace luge {

struct DriverOptions {
  enum class Binary : char { automatic, on, off };
  enum class OnGap : char { stop, resync };
  enum class OnRetype : char { stop, resync };

  std::string pipeline = "luge";        ///< slot and publication are luge_<pipeline>
  ConnectionOptions source;
  std::function<bool(const TableName&)> wants = [](const TableName&) { return true; };
  bool fixed_tables = false;            ///< what the destination follows, and nothing else, whatever `wants` says
  bool allow_no_identity = false;       ///< tables are published though the application's UPDATE and DELETE fail then
  PipelineOptions pipeline_options;
  std::size_t memory_limit_bytes = 128U << 20;  ///< the pipeline's share of the process budget (batches, builders, spool in memory)
  bool log_mode = false;
  OnGap on_gap = OnGap::stop;
  OnRetype on_retype = OnRetype::stop;  ///< the rules for columns are not those that tables were copied with
  bool streaming = true;
  Binary binary = Binary::automatic;
  std::uint32_t copy_connections = 2;   ///< per table
  std::uint32_t parallel_copies = 2;    ///< tables at once
  std::shared_ptr<SchemaCache> schema_cache;  ///< shared with the other pipelines of the source; null: of this one
  Duration catalog_poll_interval = std::chrono::seconds(2);
  Duration drain_timeout = std::chrono::seconds(30);
  /// Stop by itself: everything committed before the call (caught_up) or before `lsn` is durable and acknowledged.
  struct Until {
    enum class Kind : char { never, caught_up, lsn };
    Kind kind = Kind::never;
    Lsn lsn;
  };
  Until until;
  std::string options_fingerprint;      ///< empty: leave the stored one
  std::string destination_name;         ///< as given by the user, without secrets; for state and messages
};

/// How far the copy of one table is.
struct CopyProgress {
  RelationOid oid = 0;
  TableName table;
  Attempt attempt = 0;
  std::string phase;             ///< "waiting for transaction of pid 123", "copying", "queued"
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  double estimated_rows = -1;    ///< -1: unknown
  Duration elapsed{0};
};

struct DriverStatus {
  /// "starting", "connecting", "copying", "live", "draining", "stopped", "failed", "paused"
  std::string state = "starting";
  PipelineStatus pipeline;
  SlotFacts slot;                ///< as of the last connect or poll
  std::vector<CopyProgress> copies;
  std::optional<Error> error;    ///< why it reconnects or has failed
  bool catalog_read = false;     ///< once: `pipeline.tables` holds every table that is followed
  std::uint32_t reconnects = 0;
  std::size_t memory_used_bytes = 0;   ///< of the pipeline's share of the budget
  std::size_t memory_limit_bytes = 0;
  bool binary = false;
  int server_version = 0;
};

/// Runs one pipeline: owns its threads, connects, applies the gap test, opens and reopens the destination, backs off, drains.
/// run() blocks; everything else may be called from other threads.
class Driver {
 public:
  /// Both must outlive the driver.
  Driver(DriverOptions options, Destination& destination, StateStore& state);
  ~Driver();

  /// Until drained (good) or stopped by an error. Transient errors are retried inside, for ever, with backoff.
  Status run();

  /// Stops reading, makes what is whole durable, acknowledges it; run() returns. Callable from a signal handler.
  void request_drain();
  /// run() returns as soon as it can, without draining: always safe. Callable from a signal handler.
  void request_stop();

  DriverStatus status() const;
  /// The same as of at most 100 ms ago, or of when something happened last. Wakes nobody: for whoever looks all the time.
  DriverStatus last_status() const;
  /// `changed` is called whenever DriverStatus::state has become another one, on the driver's thread; it must not block. Before run().
  void on_state_change(std::function<void()> changed);

  /// Returns once every followed table is known: right after the start the list is empty or that of the last run. Errors: "not_running".
  Status await_catalog(Duration timeout);
  /// Copies the table again into a shadow. Errors: "unknown_table".
  Status resync(const TableName& table);
  /// Paused, luge reads nothing and changes no table, until it is told to go on, also over restarts; it keeps its connection and goes on
  /// acknowledging what is durable. The source keeps its WAL meanwhile.
  Status pause(bool paused);
  /// Ends a pause, without waiting for it: when the pipeline steps next, in a later opening at the latest. Nothing where there is none.
  void request_resume();
  /// Until it is told otherwise, also before run() and over its reopenings; not over restarts. Does not wait.
  void relieve(Relief relief);
  /// The pipeline reads no further than the running transaction for at most `at_most`, or until read_at() was asked or release() is
  /// called: whatever LSN the server names meanwhile is not passed.
  Status hold(Duration at_most);
  void release();
  /// A reader of exactly the transactions with commit_lsn < `lsn`. Waits at most `timeout`, or until `stop` is requested.
  /// Errors: "passed", "timeout".
  Result<std::shared_ptr<ReadHandle>> read_at(Lsn lsn, Duration timeout, const std::stop_token& stop = {});
  /// A reader of the latest commit.
  Result<std::shared_ptr<ReadHandle>> read();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
