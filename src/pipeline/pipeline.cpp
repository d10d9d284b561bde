#include "pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "pipeline/pipeline_impl.h"

namespace luge {

namespace {

constexpr Duration kShortestLinger = std::chrono::milliseconds(2);

Error paused_error() { return make_error(Recovery::retry, "paused", "the pipeline is paused: it reads nothing", "luge resume lets it go on"); }

Checkpoint start_checkpoint(const PipelineStart& start) {
  if (start.frontier.checkpoint.epoch == start.epoch) return start.frontier.checkpoint;
  return {start.epoch, {}, {}};
}

/// What was acknowledged is complete even where the destination's checkpoint does not say so: transactions that a copy had seen, or
/// that concerned no table, leave nothing in it. They may be sent again, and the filter that kept them out may be gone by then.
Checkpoint finished_at(const PipelineStart& start) {
  const Checkpoint durable = start_checkpoint(start);
  if (start.ack_intent <= durable.end_lsn) return durable;
  // All that was received before it; where that is not known, all that began its commit record before the intent.
  const Lsn last = start.quiet_since.is_zero() ? Lsn{start.ack_intent.value - 1} : std::max(start.quiet_since, durable.commit_lsn);
  return {start.epoch, last, start.ack_intent, durable.witness};
}

}  // namespace

Pipeline::Impl::Impl(PipelineOptions options, PipelinePorts ports, PipelineStart start)
    : options_(std::move(options)),
      ports_(ports),
      ledger_(start.ack_intent),
      tables_(ports.copies, options_.columns, start.frontier, start.epoch, start.timeline, start.resync_all),
      router_(options_, ports.catalog, tables_, builder_, ledger_, start.epoch),
      reporter_(ports.state, start.ack_intent, options_.save_interval),
      last_sealed_(start_checkpoint(start)),
      next_barrier_(static_cast<std::uint64_t>(ports.clock.now().micros)) {
  ledger_.set_durable_checkpoint(last_sealed_);
  router_.set_finished(finished_at(start));
}

Pipeline::Impl::~Impl() { ports_.memory.release(counted_bytes_); }

void Pipeline::Impl::start_session(ReplicationStream& stream, const SessionFacts& facts) {
  ENSURE(stream_ == nullptr, "a session begins while another runs");
  ENSURE(facts.slot.confirmed_flush <= std::max(reporter_.intent_saved(), ledger_.complete_through()), "a session begins behind a gap");
  stream_ = &stream;
  session_position_ = {};
  server_lsn_ = std::max(server_lsn_, facts.server_lsn);
  router_.start_session(facts.slot.confirmed_flush, facts.next_xid, stream.options().binary);
  reporter_.start_session(stream, facts.slot.confirmed_flush, facts.wal_sender_timeout, ports_.clock.now());
}

void Pipeline::Impl::end_session() {
  stream_ = nullptr;
  reporter_.end_session();
  discard_partial();
}

void Pipeline::Impl::discard_partial() {
  stalled_.reset();
  if (!router_.end_session()) return;
  // The running transaction comes again, whole. What shares the open batch or the open destination transaction with it goes too.
  tables_.undo_quarantines();
  builder_.clear();
  builder_since_.reset();
  ledger_.discarded();
  // Not back to the last sealed one: transactions that brought nothing were passed since, and filters went because of that.
  router_.set_finished(std::max(last_sealed_, router_.finished_before_data()));
  if (!partial_out_) return;
  partial_out_ = false;
  sealed_.reset();
  Batch abort;
  abort.id = ++batch_number_;
  abort.ops.emplace_back(AbortOpenTransaction{});
  abort.checkpoint = last_sealed_;
  sealed_ = std::move(abort);
}

Result<Wait> Pipeline::Impl::step() {
  const Instant now = ports_.clock.now();
  CHECK_OK(collect_outcomes());                  // destination -> acknowledge
  if (options_.hold_on_quarantine) ledger_.hold(tables_.any_quarantined());
  reporter_.set_server_stops(ports_.catalog.server_stops(), now);
  CHECK_OK(reporter_.report(ledger_, router_.finished(), now));      // acknowledge -> source, even when every queue is full
  hand_over_sealed_batch();                      // batch -> destination
  CHECK_OK(work_between_transactions(now));      // copies, barriers, states of tables
  if (can_accept() && !held(now)) {
    CHECK_OK(read_and_decode(now));              // source -> decode -> batch, bounded work
    if (dry_) CHECK_OK(reporter_.check_silence(now));
  } else {
    dry_ = false;
  }
  if (!dry_) reporter_.frame_arrived(now);       // whoever does not listen until nothing is left cannot call the server silent
  seal_if_due(now);
  count_memory();
  hand_over_sealed_batch();
  return next_wait(now);
}

Status Pipeline::Impl::collect_outcomes() {
  while (auto outcome = ports_.sink.try_take_outcome()) {
    if (!*outcome) return std::move(*outcome).error();
    const Frontier& frontier = **outcome;
    ENSURE(!in_flight_.empty(), "an outcome without a batch");
    const InFlight batch = in_flight_.front();
    in_flight_.pop_front();
    answered_ = batch.number;
    tables_.answered(answered_);
    if (batch.in_ledger) {
      const auto committed = ledger_.durable(frontier.checkpoint);
      if (committed) commit_to_durable_.observe(Duration(ports_.clock.wall_now().micros - committed->micros));
    }
    for (const TableRecord& record : frontier.tables) {
      tables_.adopt(record);
    }
    for (const auto& barrier : frontier.barriers) {
      if (barriers_cancelled_.erase(barrier.id) > 0) continue;
      using Answer = Result<std::shared_ptr<ReadHandle>>;
      barriers_ready_.insert_or_assign(barrier.id, barrier.refused ? Answer(*barrier.refused) : Answer(barrier.reader));
    }
    last_apply_ = frontier.busy;
    applying_ += frontier.busy;
    rows_ += frontier.rows_applied;
    bytes_ += batch.bytes;
    ++batches_;
  }
  return ok();
}

void Pipeline::Impl::hand_over_sealed_batch() {
  if (!sealed_) return;
  const std::uint64_t number = sealed_->id;
  const bool in_ledger = sealed_->complete && !(sealed_->ops.size() == 1 && std::holds_alternative<AbortOpenTransaction>(sealed_->ops.front()));
  const std::size_t bytes = sealed_->bytes;
  if (!ports_.sink.try_submit(*sealed_)) return;
  in_flight_.push_back({number, in_ledger, bytes});
  sealed_.reset();
}

Status Pipeline::Impl::work_between_transactions(Instant now) {
  if (!paused_) tables_.start_copies(answered_, now);
  if (router_.in_transaction() || sealed_) return ok();
  bool any = place_barriers();
  if (!paused_ && judged()) {
    TRY(const bool changed, tend_tables(now));
    any |= changed;
  } else {
    CHECK_OK(tables_.keep_events(ports_.tables));
  }
  if (!builder_.empty() && (any || builder_.rows() == 0)) {
    // Operations never wait in the open batch: a lost session throws that away.
    seal(true);
  }
  return ok();
}

Result<bool> Pipeline::Impl::tend_tables(Instant now) {
  bool any = tables_.start_wanted(builder_, now);
  if (!draining_) {
    for (;;) {
      TRY(const bool more, tables_.apply_next_event(ports_.tables, builder_, ledger_.received(), now));
      if (!more) break;
      any = true;
    }
  }
  any |= tables_.retire_filters(ledger_.received(), builder_);
  any |= tables_.apply_shapes(ledger_.received(), builder_);
  return any;
}

bool Pipeline::Impl::place_barriers() {
  bool any = false;
  while (!barriers_wanted_.empty()) {
    const auto next = barriers_wanted_.begin();
    if (!router_.held() && session_position_ < next->first) break;
    builder_.append_op(0, Barrier{next->second});
    barriers_wanted_.erase(next);
    router_.hold_before(barriers_wanted_.empty() ? Lsn{} : barriers_wanted_.begin()->first);
    any = true;
    if (router_.held()) break;  // one at a time: `held` spoke of this one
  }
  return any;
}

bool Pipeline::Impl::memory_exhausted() const { return ports_.memory.used() - counted_bytes_ + gathered_bytes() >= ports_.memory.limit(); }

void Pipeline::Impl::count_memory() {
  const std::size_t now = gathered_bytes();
  ports_.memory.change(counted_bytes_, now);
  counted_bytes_ = now;
}

bool Pipeline::Impl::full() const {
  return builder_.rows() >= most_rows() || builder_.bytes() >= options_.batch_max_bytes || (!builder_.empty() && memory_exhausted());
}

// The end of a transaction that spans batches ends the last of them: else, under load, batch after batch would fill inside some
// transaction and nothing would ever be committed.
bool Pipeline::Impl::must_complete() const { return partial_out_ && !router_.in_transaction(); }

bool Pipeline::Impl::can_accept() const {
  if (stream_ == nullptr || draining_) return false;
  if (sealed_ && (full() || must_complete())) return false;
  return !(memory_exhausted() && !in_flight_.empty());
}

Status Pipeline::Impl::read_and_decode(Instant now) {
  dry_ = false;
  ReadPace::Found found = ReadPace::Found::nothing;
  const Status read = read_frames(now, found);
  if (dry_ || found != ReadPace::Found::nothing) pace_.found(found, now);
  return read;
}

Status Pipeline::Impl::read_frames(Instant now, ReadPace::Found& found) {
  // Rows that came during a pause have waited since then.
  const Instant came_at = now + -pace_.unread(now, longest_fill());
  for (std::uint32_t i = 0; i < options_.frames_per_step; ++i) {
    if (router_.draining()) {
      CHECK_OK(router_.continue_drain(most_rows(), options_.batch_max_bytes));
      if (!builder_.empty() && !builder_since_) builder_since_ = came_at;
      if (router_.draining()) return ok();
      reached(router_.last_end_lsn());
    }
    if (full() || must_complete() || held(now)) return ok();
    if (!stalled_) {
      TRY(const auto frame, stream_->try_receive());
      if (!frame) {
        dry_ = true;
        return ok();
      }
      reporter_.frame_arrived(now);
      server_lsn_ = std::max(server_lsn_, frame->wal_end);
      if (frame->kind == WalFrame::Kind::keepalive) {
        found = std::max(found, ReadPace::Found::keepalives);
        CHECK_OK(on_keepalive(*frame, now));
        continue;
      }
      found = ReadPace::Found::changes;
      TRY(const auto handled, router_.handle(frame->payload));
      if (handled == ChangeRouter::Handled::stalled) {
        stalled_.emplace(frame->payload);
        return ok();
      }
    } else {
      TRY(const auto handled, router_.handle(*stalled_));
      if (handled == ChangeRouter::Handled::stalled) return ok();
      stalled_.reset();
    }
    if (!builder_since_ && !builder_.empty()) builder_since_ = came_at;
    if (!router_.in_transaction() && router_.last_end_lsn() > session_position_) reached(router_.last_end_lsn());
  }
  return ok();
}

void Pipeline::Impl::reached(Lsn position) {
  session_position_ = std::max(session_position_, position);
  // Until the server has shown that it has the history luge followed, the slot stays where it can still be made to show it: moved on to
  // what was acknowledged in that history, it would never again send the witness of what is durable.
  if (!router_.expects_witness()) reporter_.position_received(session_position_);
}

Status Pipeline::Impl::on_keepalive(const WalFrame& frame, Instant now) {
  if (frame.reply_requested) reporter_.reply_requested(frame.wal_end, now);
  // Inside a transaction a keepalive says nothing about what is complete.
  if (router_.in_transaction()) return ok();
  CHECK_OK(router_.keepalive(frame.wal_end));
  reached(frame.wal_end);
  ledger_.received(frame.wal_end);
  return ok();
}

Duration Pipeline::Impl::linger() const {
  // Where answers take seconds anyway, a batch is worth gathering for; what one costs is not known from the time it takes.
  if (ports_.sink.pipelined()) return longest_fill();
  return std::min(std::max(last_apply_ * 2, kShortestLinger), longest_fill());
}

bool Pipeline::Impl::waits_for_answer() const { return !in_flight_.empty() && !ports_.sink.pipelined(); }

void Pipeline::Impl::seal_if_due(Instant now) {
  if (quiet() && ports_.sink.wants_batch()) return seal(true);
  // A transaction whose last row filled a batch still has its end to hand over.
  if (sealed_ || (builder_.empty() && !partial_out_)) return;
  const bool boundary = !router_.in_transaction();
  if (full() || must_complete()) return seal(boundary);
  if (!boundary) return;
  // Small when quiet: an idle destination gets what there is after a short linger. Large when busy: while it applies, rows gather.
  if (waits_for_answer()) return;
  const Duration age = builder_since_ ? now - *builder_since_ : Duration{0};
  if (age >= longest_fill() || (dry_ && age >= linger()) || draining_) seal(true);
}

bool Pipeline::Impl::may_nap() const { return !reporter_.is_waited_for() && barriers_wanted_.empty(); }

bool Pipeline::Impl::quiet() const {
  return !sealed_ && in_flight_.empty() && builder_.empty() && !partial_out_ && !router_.in_transaction() && !router_.expects_witness();
}

void Pipeline::Impl::seal(bool complete) {
  ENSURE(!sealed_, "a sealed batch would be overwritten");
  Batch batch;
  batch.id = ++batch_number_;
  batch.rows = builder_.rows();
  batch.bytes = builder_.bytes();
  batch.ops = builder_.take();
  batch.complete = complete;
  builder_since_.reset();
  if (complete) {
    last_sealed_ = router_.finished();
    ledger_.sealed(last_sealed_);
    tables_.sealed(batch.id);
  }
  batch.checkpoint = last_sealed_;
  partial_out_ = !complete;
  ports_.memory.force_reserve(batch.bytes);
  batch.memory = MemoryReservation(&ports_.memory, batch.bytes);
  sealed_ = std::move(batch);
}

Wait Pipeline::Impl::next_wait(Instant now) const {
  Wait wait;
  const bool reading = can_accept() && !held(now);
  const bool blocked_here = stalled_.has_value() || router_.drain_waits();
  wait.again = reading && !dry_ && !blocked_here;
  wait.until_readable = reading && dry_;
  if (wait.until_readable) wait.pause = pace_.pause(longest_fill(), may_nap());
  wait.only_keepalives = wait.until_readable && pace_.only_keepalives();
  wait.until_writable = stream_ != nullptr && stream_->wants_write();
  wait.deadline = reporter_.next_due(now);
  if (held_until_ && now < *held_until_) wait.deadline = std::min(wait.deadline, *held_until_);
  if (!paused_ && judged()) wait.deadline = std::min(wait.deadline, tables_.next_due());
  // With a sealed batch before it the open one goes nowhere, and it is an answer that changes that.
  if (!builder_.empty() && builder_since_ && !sealed_ && !waits_for_answer() && !router_.in_transaction()) {
    wait.deadline = std::min(wait.deadline, *builder_since_ + linger());
  }
  return wait;
}

void Pipeline::Impl::drain() {
  if (draining_) return;
  draining_ = true;
  reporter_.finish();
  reporter_.want(ledger_.complete_through());
  if (router_.in_transaction()) discard_partial();
}

bool Pipeline::Impl::drained() const {
  return draining_ && !sealed_ && !partial_out_ && in_flight_.empty() && builder_.empty() && reporter_.settled(ledger_);
}

Result<std::uint64_t> Pipeline::Impl::request_barrier(Lsn lsn) {
  if (router_.last_commit_lsn() >= lsn) {
    return make_error(Recovery::retry, "passed", "the stream is beyond " + to_string(lsn) + " already", "ask again with a newer position");
  }
  if (paused_) return paused_error();
  held_until_.reset();
  const std::uint64_t id = next_barrier_++;
  barriers_wanted_.emplace(lsn, id);
  router_.hold_before(barriers_wanted_.begin()->first);
  reporter_.want(lsn);
  return id;
}

void Pipeline::Impl::cancel_barrier(std::uint64_t id) {
  if (barriers_ready_.erase(id) > 0) return;
  const auto wanted = std::find_if(barriers_wanted_.begin(), barriers_wanted_.end(), [id](const auto& entry) { return entry.second == id; });
  if (wanted == barriers_wanted_.end()) {
    barriers_cancelled_.insert(id);
    return;
  }
  barriers_wanted_.erase(wanted);
  router_.hold_before(barriers_wanted_.empty() ? Lsn{} : barriers_wanted_.begin()->first);
}

std::optional<Result<std::shared_ptr<ReadHandle>>> Pipeline::Impl::take_barrier(std::uint64_t id) {
  const auto found = barriers_ready_.find(id);
  if (found == barriers_ready_.end()) return std::nullopt;
  std::optional reader(std::move(found->second));
  barriers_ready_.erase(found);
  return reader;
}

PipelineStatus Pipeline::Impl::status() const {
  PipelineStatus status;
  status.session = stream_ != nullptr;
  status.paused = paused_;
  status.received = ledger_.received();
  status.durable = ledger_.complete_through();
  status.intent = reporter_.intent_saved();
  status.acknowledged = reporter_.acknowledged();
  status.server = std::max(server_lsn_, ledger_.received());
  status.oldest_unfinished_commit = ledger_.oldest_unfinished();
  status.rows = rows_;
  status.bytes = bytes_;
  status.batches = batches_;
  status.applying = applying_;
  status.commit_to_durable = commit_to_durable_;
  status.transactions = router_.transactions();
  status.spool_bytes = router_.spool().memory_bytes() + router_.spool().file_bytes();
  status.tables = tables_.status();
  return status;
}

std::vector<TableRecord> Pipeline::Impl::tables() const {
  std::vector<TableRecord> records;
  for (TableStatus& table : tables_.status()) records.push_back(std::move(table.record));
  return records;
}

bool Pipeline::Impl::caught_up(Lsn lsn) {
  reporter_.want(lsn);
  if (!tables_.all_copied() || tables_.keeps_events()) return false;
  // Held WAL is never acknowledged: then durable is all there is to wait for.
  return ledger_.held() ? ledger_.idle() && ledger_.received() >= lsn : reporter_.acknowledged() >= lsn;
}

Pipeline::Pipeline(PipelineOptions options, PipelinePorts ports, PipelineStart start)
    : impl_(std::make_unique<Impl>(std::move(options), ports, std::move(start))) {}
Pipeline::~Pipeline() = default;
void Pipeline::start_session(ReplicationStream& stream, const SessionFacts& facts) { impl_->start_session(stream, facts); }
void Pipeline::end_session() { impl_->end_session(); }
Result<Wait> Pipeline::step() { return impl_->step(); }
void Pipeline::drain() { impl_->drain(); }
bool Pipeline::drained() const { return impl_->drained(); }
bool Pipeline::resync(RelationOid oid) { return impl_->resync(oid); }
void Pipeline::hold(Instant until) { impl_->hold(until); }
void Pipeline::pause(bool paused) { impl_->pause(paused); }
void Pipeline::scale_batches(std::uint32_t factor) { impl_->scale_batches(factor); }
void Pipeline::cancel_barrier(std::uint64_t id) { impl_->cancel_barrier(id); }
Result<std::uint64_t> Pipeline::request_barrier(Lsn lsn) { return impl_->request_barrier(lsn); }
std::optional<Result<std::shared_ptr<ReadHandle>>> Pipeline::take_barrier(std::uint64_t id) { return impl_->take_barrier(id); }
PipelineStatus Pipeline::status() const { return impl_->status(); }
std::vector<TableRecord> Pipeline::tables() const { return impl_->tables(); }
Checkpoint Pipeline::durable_checkpoint() const { return impl_->durable_checkpoint(); }
Lsn Pipeline::intent_saved() const { return impl_->intent_saved(); }
bool Pipeline::caught_up(Lsn lsn) { return impl_->caught_up(lsn); }

}  // namespace luge
