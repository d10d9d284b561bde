#include <algorithm>
#include <poll.h>
#include <random>
#include <thread>
#include <utility>

#include "base/log.h"
#include "pipeline/driver_impl.h"
#include "pipeline/rule_g.h"
#include "postgres/sqlstate.h"

namespace luge {

namespace {

constexpr Duration kPublishInterval = std::chrono::milliseconds(100);
constexpr Duration kQuietPublishInterval = std::chrono::seconds(1);  // positions only
constexpr Duration kSignalPoll = std::chrono::milliseconds(50);
constexpr Duration kIntentCopyInterval = std::chrono::seconds(10);

/// SQLSTATE class XX: a failure inside the server.
bool is_internal(const Error& error) { return error.code.size() == 5 && error.code.starts_with("XX"); }

bool is_busy(const Error& error) { return error.code == "unavailable" || error.code == "55006"; }

bool no_other_way(const Error& error) { return error.recovery == Recovery::stop_pipeline || error.recovery == Recovery::quarantine_table; }

}  // namespace

Driver::Impl::Impl(DriverOptions options, Destination& destination, StateStore& state)
    : options_(std::move(options)),
      destination_(destination),
      state_store_(state),
      random_(std::make_unique<SeededRandom>(std::random_device{}())),
      gate_(options_, clock_, stop_source_.get_token()) {}

void Driver::Impl::request_drain() {
  drain_.store(true, std::memory_order_relaxed);
  wake_.notify();
}

void Driver::Impl::request_stop() {
  stop_.store(true, std::memory_order_relaxed);
  wake_.notify();
}

Status Driver::Impl::run() {
  // Signal handlers may only set flags; what waits for the server while a session is made is stopped through a token.
  const std::jthread watcher([this](const std::stop_token& done) {
    while (!done.stop_requested() && !ever_streamed_) {
      if (stopping() || drain_.load()) {
        stop_source_.request_stop();
        return;
      }
      std::this_thread::sleep_for(kSignalPoll);
    }
  });
  TRY(const Lease lease, state_store_.acquire(options_.pipeline));
  for (;;) {
    Status ended = run_opening(lease);
    publish(nullptr, ended ? "stopped" : "failed");
    if (ended) return ok();
    const Error& error = ended.error();
    if (stopping() || (drain_.load() && !ever_streamed_)) return ok();
    // Before luge has run at all, an unreachable server or destination is the user's to know at once. A slot that a dead session
    // still holds is free within wal_sender_timeout.
    if (no_other_way(error) || drain_.load() || (!ever_streamed_ && !is_busy(error))) {
      note_error(error, "pipeline_stopped");
      return error;
    }
    note_error(error, "pipeline_reopens");
    const Duration delay = opening_retry_.next_delay(clock_.now(), *random_);
    wake_.clear();
    if (!stopping() && !drain_.load()) {
      pollfd waits{wake_.fd(), POLLIN, 0};
      poll(&waits, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(delay).count()));
    }
    if (stopping() || (drain_.load() && !ever_streamed_)) return ok();
  }
}

Driver::Impl::Running::Running(Impl& owner, Opening opening, const Lease& lease)
    : start(std::move(opening)),
      memory(owner.options_.memory_limit_bytes),
      state(owner.state_store_, lease, start.record, [&owner] { owner.wake_.notify(); }),
      worker(owner.destination_, [&owner] { owner.wake_.notify(); }),
      catalog(owner.options_, start.record, start.facts.publication_made_by_luge, start.frontier, [&owner] { owner.wake_.notify(); }),
      copier(owner.options_, owner.destination_, memory, [&owner] { owner.wake_.notify(); }),
      pipeline(owner.options_.pipeline_options, PipelinePorts{worker, state, catalog, copier, catalog, owner.clock_, memory},
               PipelineStart{start.frontier, start.record.epoch, start.record.timeline, start.record.quiet_since, start.record.ack_intent,
                             start.resync_all}) {}

Status Driver::Impl::run_opening(const Lease& lease) {
  publish(nullptr, "connecting");
  DriverOpening opener(options_, gate_, destination_, state_store_, lease, begin_again_);
  TRY(Opening opening, opener.open());
  begin_again_ = false;
  if (options_.until.kind == DriverOptions::Until::Kind::lsn) until_ = options_.until.lsn;
  if (options_.until.kind == DriverOptions::Until::Kind::caught_up && !until_) until_ = reachable_position(opening.facts.server_lsn);
  intent_copied_ = {opening.frontier.checkpoint.epoch, opening.frontier.intent};
  const bool paused = opening.record.paused;
  if (paused && options_.until.kind != DriverOptions::Until::Kind::never)
    return needs_operator("paused", "the pipeline is paused, so it does not get to where --until should end it", "luge resume lets it go on");
  Running running(*this, std::move(opening), lease);
  running.pipeline.pause(paused);
  if (paused) log_event(LogLevel::warn, "paused", kPausedText);
  {
    std::lock_guard lock(mutex_);
    accepting_ = true;
  }
  Status ended = ok();
  for (;;) {
    auto session = run_session(running);
    if (!session) {
      ended = std::move(session).error();
      break;
    }
    if (*session == SessionEnd::finished) break;
  }
  {
    std::lock_guard lock(mutex_);
    accepting_ = false;
    commands_.clear();
  }
  changed_.notify_all();
  return ended;
}

Frontier Driver::Impl::current_frontier(const Running& running) const {
  Frontier frontier;
  frontier.mirror_uuid = running.start.frontier.mirror_uuid;
  frontier.checkpoint = running.pipeline.durable_checkpoint();
  return frontier;
}

Result<std::unique_ptr<ReplicationStream>> Driver::Impl::connect(Running& running, SessionFacts& facts) {
  TRY(facts, gate_.facts());
  const GapVerdict verdict = evaluate_gap(facts, running.state.record(), current_frontier(running));
  if (verdict.kind != GapVerdict::Kind::resume) {
    Error error = to_error(verdict, tables_in_gap(running.pipeline.tables()));
    // A gap found while running is repaired where gaps are repaired: at the next opening.
    if (is_repairable(verdict) && options_.on_gap == DriverOptions::OnGap::resync) error.recovery = Recovery::retry;
    return error;
  }
  if (facts.server_lsn < running.pipeline.status().received) {
    // Restored in between. Batches on their way hold what this server does not have any more: the destination says what became of them.
    return make_error(Recovery::retry, "regress",
                      "the server's WAL ends at " + to_string(facts.server_lsn) + ", before what it has sent to this pipeline");
  }
  bool binary = options_.binary != DriverOptions::Binary::off && !text_only_;
  if (binary && options_.binary == DriverOptions::Binary::automatic) {
    TRY(binary, gate_.all_columns_binary());
  }
  if (facts.timeline != running.state.record().timeline) {
    // Copies under way may have seen what the new timeline never had: the next opening starts them again.
    return make_error(
        Recovery::retry, "timeline",
        "the server is on timeline " + std::to_string(facts.timeline) + " now, after timeline " + std::to_string(running.state.record().timeline));
  }
  return gate_.start_stream(binary, options_.streaming && !whole_only_);
}

Result<Driver::Impl::SessionEnd> Driver::Impl::run_session(Running& running) {
  SessionFacts facts;
  publish(&running, "connecting");
  auto connected = connect(running, facts);
  if (!connected) {
    if (stopping()) return SessionEnd::finished;
    if (drain_.load()) {
      CHECK_OK(finish(running, nullptr));
      return SessionEnd::finished;
    }
    const Error error = std::move(connected).error();
    // 55006: the slot is still held by our own dead session; the server notices within wal_sender_timeout.
    const bool transient = error.recovery == Recovery::reconnect || is_busy(error);
    if (!transient || (!ever_streamed_ && !is_busy(error))) return error;
    CHECK_OK(back_off(running, error));
    return SessionEnd::lost;
  }
  std::unique_ptr<ReplicationStream> stream = std::move(*connected);
  {
    std::lock_guard lock(mutex_);
    status_.error.reset();
    status_.slot = facts.slot;
    status_.binary = stream->options().binary;
    status_.server_version = facts.server_version;
  }
  log_event(LogLevel::info, "session_started", "the slot's stream is running",
            {{"slot", gate_.slot()},
             {"confirmed_flush", to_string(facts.slot.confirmed_flush)},
             {"protocol", stream->options().protocol_version},
             {"binary", stream->options().binary ? "on" : "off"}});
  ever_streamed_ = true;
  running.pipeline.start_session(*stream, facts);
  for (;;) {
    if (Status carried_out = run_commands(running); !carried_out) {
      running.pipeline.end_session();
      return std::move(carried_out).error();
    }
    if (stopping()) {
      running.pipeline.end_session();
      return SessionEnd::finished;
    }
    auto wait = running.pipeline.step();
    if (!wait) {
      Error error = std::move(wait).error();
      running.pipeline.end_session();
      // The slot or the publication went away under the stream: the gap test says what that means. If it finds both in order, the publication
      // is not the one that was there when this WAL was written, and trying again changes nothing.
      const bool undefined = error.code == sqlstate::kUndefinedObject;
      if (std::exchange(undefined_before_, undefined) && undefined) {
        error = to_error(publication_lost(gate_.publication(), true, facts.slot.confirmed_flush, facts.server_lsn));
      } else if (undefined) {
        error.recovery = Recovery::reconnect;
      }
      error = judged(std::move(error), running);
      // PostgreSQL fails on some streamed transactions whose subtransaction changed a table and was rolled back; whole ones it can send.
      if (is_internal(error) && stream->options().streaming) {
        whole_only_ = true;
        log_event(LogLevel::warn, "streaming_off", "the server failed inside a streamed transaction; it is asked for whole transactions from now on",
                  {{"code", error.code}});
        return SessionEnd::lost;
      }
      if (error.recovery != Recovery::reconnect) return error;
      // Now, and not after the pause: a server that shuts down waits until its walsender's client is gone.
      stream.reset();
      if (drain_.load()) {
        CHECK_OK(finish(running, nullptr));
        return SessionEnd::finished;
      }
      if (error.code == "needs_text") {
        text_only_ = true;
        log_event(LogLevel::info, "text_protocol", error.what);
        return SessionEnd::lost;
      }
      {
        std::lock_guard lock(mutex_);
        ++status_.reconnects;
      }
      CHECK_OK(back_off(running, error));
      return SessionEnd::lost;
    }
    copy_intent(running, false);
    if (drain_.load() || (until_ && reached(running, *until_))) {
      CHECK_OK(finish(running, stream.get()));
      running.pipeline.end_session();
      return SessionEnd::finished;
    }
    const Duration publish_interval = wait->only_keepalives ? kQuietPublishInterval : kPublishInterval;
    if (status_wanted_.load() || clock_.now() - published_at_ > publish_interval) {
      running.state.note_publication_seen(running.catalog.publication_seen());
      publish(&running, "live");
    } else {
      wait->deadline = std::min(wait->deadline, published_at_ + publish_interval + Duration{1});  // what happened now is told too
    }
    CHECK_OK(wait_for_work(*wait, stream.get()));
  }
}

/// Everything before `lsn` is in the destination, and nothing of it was left out for want of the publication.
bool Driver::Impl::reached(Running& running, Lsn lsn) {
  return running.catalog.first_scan_done() && running.catalog.publication_seen() >= lsn && running.pipeline.caught_up(lsn);
}

Status Driver::Impl::finish(Running& running, ReplicationStream* stream) {
  publish(&running, "draining");
  running.pipeline.drain();
  const Instant deadline = clock_.now() + options_.drain_timeout;
  while (!running.pipeline.drained()) {
    if (stopping()) return ok();
    if (clock_.now() > deadline) {
      return make_error(Recovery::retry, "drain_timeout",
                        "the destination did not finish within the drain timeout; nothing is lost, the rest comes again at the next start");
    }
    auto wait = running.pipeline.step();
    if (!wait) {
      if (wait.error().recovery != Recovery::reconnect || stream == nullptr) return std::move(wait).error();
      running.pipeline.end_session();
      stream = nullptr;
      continue;
    }
    if (running.pipeline.drained()) break;  // nothing is left that would end the wait
    CHECK_OK(wait_for_work(*wait, stream));
  }
  copy_intent(running, true);
  while (stream != nullptr && stream->wants_write()) {
    pollfd socket{stream->readable_fd(), POLLOUT, 0};
    if (poll(&socket, 1, 1000) <= 0) break;
    if (!stream->try_receive()) break;
  }
  return ok();
}

// Another history (WitnessCheck), or no publication. The latter is seen with or without a session.
Error Driver::Impl::judged(Error error, const Running& running) {
  if (error.code != "gap") return error;
  error = with_tables(std::move(error), tables_in_gap(running.pipeline.tables()));
  if (options_.on_gap != DriverOptions::OnGap::resync) return error;
  begin_again_ = true;
  error.recovery = Recovery::retry;
  log_event(LogLevel::warn, "gap_repair", error.what + "; every table is copied again (on_gap: resync)");
  return error;
}

Status Driver::Impl::back_off(Running& running, const Error& why) {
  note_error(why, "session_lost");
  publish(&running, "connecting");
  const Instant until = clock_.now() + session_retry_.next_delay(clock_.now(), *random_);
  while (clock_.now() < until && !stopping() && !drain_.load()) {
    CHECK_OK(run_commands(running));
    auto wait = running.pipeline.step();
    if (!wait) return judged(std::move(wait).error(), running);
    if (status_wanted_.load()) publish(&running, "connecting");
    wait->deadline = std::min(wait->deadline, until);
    CHECK_OK(wait_for_work(*wait, nullptr));
  }
  return ok();
}

Status Driver::Impl::wait_for_work(const Wait& wait, ReplicationStream* stream) {
  if (wait.again) return ok();
  Duration longest = std::clamp<Duration>(wait.deadline - clock_.now(), Duration{0}, Wait::kLongest);
  const bool pauses = wait.pause.count() > 0 && !wait.until_writable;
  if (pauses) longest = std::min(longest, wait.pause);
  pollfd waits[2] = {{wake_.fd(), POLLIN, 0}, {-1, 0, 0}};
  if (stream != nullptr && !pauses) {
    waits[1].fd = stream->readable_fd();
    if (wait.until_readable) waits[1].events |= POLLIN;
    if (wait.until_writable) waits[1].events |= POLLOUT;
    if (waits[1].events == 0) waits[1].fd = -1;
  }
  const std::int64_t micros = longest.count();
  const timespec timeout{micros / 1'000'000, (micros % 1'000'000) * 1000};
  ppoll(waits, 2, &timeout, nullptr);
  if ((waits[0].revents & POLLIN) != 0) wake_.clear();
  return ok();
}

void Driver::Impl::copy_intent(Running& running, bool now) {
  // Only what the destination's checkpoint does not vouch for itself is worth a write there.
  const Intent intent{running.start.record.epoch, running.pipeline.intent_saved()};
  if (intent <= intent_copied_ || intent.lsn <= running.pipeline.durable_checkpoint().end_lsn) return;
  if (!now && clock_.now() - intent_copied_at_ < kIntentCopyInterval) return;
  intent_copied_ = intent;
  intent_copied_at_ = clock_.now();
  running.worker.record_intent(intent);
}

}  // namespace luge
