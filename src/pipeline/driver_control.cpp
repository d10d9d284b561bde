#include <algorithm>
#include <utility>

#include "base/log.h"
#include "pipeline/driver_impl.h"

namespace luge {

namespace {
constexpr Duration kCommandTimeout = std::chrono::seconds(30);
constexpr Duration kStatusTimeout = std::chrono::milliseconds(500);
constexpr Duration kStartPoll = std::chrono::milliseconds(20);
constexpr Duration kBarrierPoll = std::chrono::milliseconds(10);
constexpr std::uint32_t kLargerBatches = 4;

Error no_commands() { return make_error(Recovery::retry, "not_running", "the pipeline does not take commands now", "try again in a moment"); }
}  // namespace

Status Driver::Impl::run_commands(Running& running) {
  for (;;) {
    std::function<void(Running&)> command;
    Relief relief;
    bool resume = false;
    {
      std::lock_guard lock(mutex_);
      relief = relief_;
      resume = std::exchange(resume_wanted_, false);
      if (!commands_.empty()) {
        command = std::move(commands_.front());
        commands_.pop_front();
      }
    }
    if (relief != running.relief) put_in_force(relief, running);
    const Status resumed = resume ? end_pause(running) : ok();
    if (command) command(running);
    if (command) changed_.notify_all();
    if (!resumed || !command) return resumed;
  }
}

Status Driver::Impl::end_pause(Running& running) {
  if (!running.state.record().paused) return ok();
  Status resumed = store_paused(running, false);
  if (resumed) return ok();
  std::lock_guard lock(mutex_);
  resume_wanted_ = true;  // the next opening tries again
  return resumed;
}

Status Driver::Impl::store_paused(Running& running, bool paused) {
  // Stored first: what was promised survives whatever comes next. The save takes the time of one fsync.
  CHECK_OK(running.state.update([paused](StateRecord& record) { record.paused = paused; }));
  running.pipeline.pause(paused);
  log_event(LogLevel::warn, paused ? "paused" : "resumed", paused ? kPausedText : "the pipeline goes on");
  return ok();
}

void Driver::Impl::put_in_force(Relief relief, Running& running) {
  running.relief = relief;
  running.copier.hold(relief.pause_copies);
  running.pipeline.scale_batches(relief.larger_batches ? kLargerBatches : 1);
}

bool Driver::Impl::on_driver_thread(std::function<void(Running&)> command, Duration timeout) {
  // The command may run after the caller has given up: it owns what it touches, and says so before it starts.
  struct Call {
    std::function<void(Running&)> command;
    bool started = false;
    bool done = false;
    bool abandoned = false;
  };
  const auto call = std::make_shared<Call>();
  call->command = std::move(command);
  std::unique_lock lock(mutex_);
  if (!accepting_) return false;
  commands_.push_back([this, call](Running& running) {
    {
      std::lock_guard relock(mutex_);
      if (call->abandoned) return;
      call->started = true;
    }
    call->command(running);
    std::lock_guard relock(mutex_);
    call->done = true;
  });
  wake_.notify();
  changed_.wait_for(lock, timeout, [&] { return call->done || (!accepting_ && !call->started); });
  if (call->started) changed_.wait(lock, [&] { return call->done; });  // it is running now, and commands are short
  call->abandoned = true;
  return call->done;
}

void Driver::Impl::publish(const Running* running, const char* state) {
  DriverStatus fresh;
  if (running != nullptr) {
    fresh.pipeline = running->pipeline.status();
    fresh.copies = running->copier.progress();
    fresh.memory_used_bytes = running->memory.used();
    fresh.memory_limit_bytes = running->memory.limit();
  }
  std::unique_lock lock(mutex_);
  const std::string before = std::exchange(status_.state, state);
  if (running != nullptr) {
    status_.pipeline = std::move(fresh.pipeline);
    status_.copies = std::move(fresh.copies);
    status_.memory_used_bytes = fresh.memory_used_bytes;
    status_.memory_limit_bytes = fresh.memory_limit_bytes;
    const bool copying = std::any_of(status_.pipeline.tables.begin(), status_.pipeline.tables.end(), [](const TableStatus& table) {
      return table.record.state == TableState::waiting || table.record.state == TableState::copying;
    });
    // Before the catalog was read for the first time nothing is known of what there is to copy.
    status_.catalog_read = status_.catalog_read || running->catalog.first_scan_done();
    const bool unknown = status_.pipeline.tables.empty() && !status_.catalog_read;
    if (status_.state == "live" && (copying || unknown)) status_.state = "copying";
    if ((status_.state == "live" || status_.state == "copying") && status_.pipeline.paused) status_.state = "paused";
  }
  ++status_number_;
  published_at_ = clock_.now();
  status_wanted_.store(false);
  const bool another = status_.state != before;
  lock.unlock();
  changed_.notify_all();
  if (another && state_changed_) state_changed_();
}

DriverStatus Driver::Impl::status() const {
  std::unique_lock lock(mutex_);
  if (accepting_) {
    const std::uint64_t before = status_number_;
    status_wanted_.store(true);
    wake_.notify();
    changed_.wait_for(lock, kStatusTimeout, [&] { return status_number_ != before; });
  }
  return status_;
}

DriverStatus Driver::Impl::last_status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Driver::Impl::note_error(const Error& error, const char* event) {
  log_event(LogLevel::warn, event, error.what, {{"code", error.code}, {"recovery", to_string(error.recovery)}, {"hint", error.hint}});
  std::lock_guard lock(mutex_);
  status_.error = error;
}

Status Driver::Impl::await_catalog(Duration timeout) {
  const Instant deadline = clock_.now() + timeout;
  for (;;) {
    const DriverStatus now = status();
    if (now.catalog_read) return ok();
    if (now.state == "failed" || now.state == "stopped" || clock_.now() >= deadline)
      return make_error(Recovery::retry, "not_running", "the pipeline is " + now.state + " and has not read the source's catalog yet",
                        "try again in a moment");
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kStartPoll);
  }
}

Status Driver::Impl::resync(const TableName& table) {
  bool found = false;
  const bool ran = on_driver_thread(
      [&](Running& running) {
        for (const TableStatus& known : running.pipeline.status().tables) {
          if (known.record.name == table && known.record.state != TableState::dropped) found = running.pipeline.resync(known.record.oid);
        }
      },
      kCommandTimeout);
  if (!ran) return no_commands();
  if (!found)
    return make_error(Recovery::stop_pipeline, "unknown_table", "luge does not follow a table " + to_string(table),
                      "luge status lists the tables it follows");
  return ok();
}

Status Driver::Impl::pause(bool paused) {
  Status stored = ok();
  if (!on_driver_thread([&](Running& running) { stored = store_paused(running, paused); }, kCommandTimeout)) return no_commands();
  return stored;
}

void Driver::Impl::request_resume() {
  {
    std::lock_guard lock(mutex_);
    resume_wanted_ = true;
  }
  wake_.notify();
}

void Driver::Impl::relieve(Relief relief) {
  {
    std::lock_guard lock(mutex_);
    relief_ = relief;
  }
  wake_.notify();
}

Status Driver::Impl::hold(Duration at_most) {
  if (on_driver_thread([this, at_most](Running& running) { running.pipeline.hold(clock_.now() + at_most); }, kCommandTimeout)) return ok();
  return no_commands();
}

Result<std::shared_ptr<ReadHandle>> Driver::Impl::read_at(Lsn lsn, Duration timeout, const std::stop_token& stop) {
  const Instant deadline = clock_.now() + timeout;
  Result<std::uint64_t> barrier = std::uint64_t{0};
  if (!on_driver_thread([&](Running& running) { barrier = running.pipeline.request_barrier(lsn); }, timeout)) return no_commands();
  if (!barrier) return std::move(barrier).error();
  while (clock_.now() < deadline && !stop.stop_requested()) {
    std::optional<Result<std::shared_ptr<ReadHandle>>> reader;
    if (!on_driver_thread([&](Running& running) { reader = running.pipeline.take_barrier(*barrier); }, deadline - clock_.now())) break;
    if (reader) return std::move(*reader);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kBarrierPoll);
  }
  on_driver_thread([&](Running& running) { running.pipeline.cancel_barrier(*barrier); }, kCommandTimeout);
  return make_error(Recovery::retry, "timeout", "the pipeline did not reach " + to_string(lsn) + " in time",
                    "try again when the lag (luge status) is smaller");
}

}  // namespace luge
