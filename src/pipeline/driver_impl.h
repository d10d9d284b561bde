#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>

#include "base/memory_budget.h"
#include "base/retry_policy.h"
#include "destination/destination_worker.h"
#include "pipeline/catalog_service.h"
#include "pipeline/driver.h"
#include "pipeline/driver_opening.h"
#include "pipeline/pipeline.h"
#include "pipeline/source_gate.h"
#include "pipeline/table_copier.h"
#include "pipeline/wake_event.h"
#include "state/state_worker.h"

namespace luge {

inline constexpr const char* kPausedText = "the pipeline is paused: it reads nothing until luge resume, and the source keeps its WAL meanwhile";

/// The threads around one Pipeline. What lives for one opening of the destination is in Running.
class Driver::Impl {
 public:
  Impl(DriverOptions options, Destination& destination, StateStore& state);

  Status run();
  void request_drain();
  void request_stop();
  DriverStatus status() const;
  DriverStatus last_status() const;
  void on_state_change(std::function<void()> changed) { state_changed_ = std::move(changed); }
  Status await_catalog(Duration timeout);
  Status resync(const TableName& table);
  Status pause(bool paused);
  void request_resume();
  void relieve(Relief relief);
  Status hold(Duration at_most);
  Result<std::shared_ptr<ReadHandle>> read_at(Lsn lsn, Duration timeout, const std::stop_token& stop);
  Result<std::shared_ptr<ReadHandle>> read() { return destination_.read(); }

 private:
  /// Parts that work together from one opening of the destination to the next.
  struct Running {
    Running(Impl& owner, Opening opening, const Lease& lease);
    Opening start;
    MemoryBudget memory;
    StateWorker state;
    DestinationWorker worker;
    CatalogService catalog;
    TableCopier copier;
    Pipeline pipeline;
    Relief relief;  ///< in force
  };
  enum class SessionEnd : char { finished, lost };

  Status run_opening(const Lease& lease);
  /// Connects and steps until the connection is lost (good) or something worse happens.
  Result<SessionEnd> run_session(Running& running);
  Result<std::unique_ptr<ReplicationStream>> connect(Running& running, SessionFacts& facts);
  Status wait_for_work(const Wait& wait, ReplicationStream* stream);
  /// An error of a step. A gap that the stream or the catalog showed names its tables, and is repaired at the next opening if that is wished.
  Error judged(Error error, const Running& running);
  /// Steps without a source, so that outcomes are collected; for as long as the backoff lasts.
  Status back_off(Running& running, const Error& why);
  Status finish(Running& running, ReplicationStream* stream);
  static bool reached(Running& running, Lsn lsn);
  Frontier current_frontier(const Running& running) const;
  void copy_intent(Running& running, bool now);

  /// Errors: a pause could not be ended. The pipeline starts over, as after every refused save.
  Status run_commands(Running& running);
  Status end_pause(Running& running);
  static Status store_paused(Running& running, bool paused);
  static void put_in_force(Relief relief, Running& running);
  /// Runs `command` between two steps and waits for it. False: nothing runs, or time is up.
  bool on_driver_thread(std::function<void(Running&)> command, Duration timeout);
  void publish(const Running* running, const char* state);
  void note_error(const Error& error, const char* event);
  bool stopping() const { return stop_.load(std::memory_order_relaxed); }

  const DriverOptions options_;
  Destination& destination_;
  StateStore& state_store_;
  SystemClock clock_;
  std::unique_ptr<Random> random_;
  WakeEvent wake_;
  std::stop_source stop_source_;
  std::atomic<bool> drain_{false};
  std::atomic<bool> stop_{false};
  SourceGate gate_;
  RetryPolicy session_retry_;
  RetryPolicy opening_retry_;

  std::atomic<bool> ever_streamed_{false};       ///< before, an unreachable server is the user's to know at once
  bool whole_only_ = false;          ///< the server failed inside a streamed transaction
  bool begin_again_ = false;         ///< the stream showed a gap; the next opening repairs it
  bool undefined_before_ = false;    ///< the last session ended because something does not exist
  bool text_only_ = false;           ///< a column without binary reader was met
  std::optional<Lsn> until_;         ///< what options_.until came to
  std::optional<Instant> drain_deadline_;
  Intent intent_copied_;
  Instant intent_copied_at_;
  Instant published_at_;
  std::function<void()> state_changed_;

  mutable std::mutex mutex_;         ///< protects what follows
  mutable std::condition_variable changed_;
  DriverStatus status_;
  mutable std::atomic<bool> status_wanted_{false};
  std::uint64_t status_number_ = 0;
  Relief relief_;                    ///< wanted
  bool resume_wanted_ = false;       ///< by request_resume()
  bool accepting_ = false;           ///< a pipeline steps: commands are taken
  std::deque<std::function<void(Running&)>> commands_;
};

}  // namespace luge
