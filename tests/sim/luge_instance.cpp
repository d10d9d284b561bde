#include "sim/luge_instance.h"

#include <algorithm>

#include "pipeline/rule_g.h"

namespace luge {

namespace {
constexpr Duration kLongestWait = std::chrono::milliseconds(500);  // the driver looks around at least this often
constexpr const char* kPipeline = "luge";
}  // namespace

LugeInstance::LugeInstance(Surroundings& around, Dice dice)
    : around_(around), dice_(dice), clock_(around.now), due_(around.now + dice_.millis(1, 300)) {}

LugeInstance::~LugeInstance() { (void)die(); }

std::optional<LugeInstance::Orphan> LugeInstance::die() {
  stream_.reset();
  std::optional<Orphan> orphan;
  if (running_) {
    running_->pipeline.reset();
    orphan = Orphan{running_->memory, std::move(running_->sink)};
    running_.reset();
  }
  phase_ = Phase::stopped;
  return orphan;
}

void LugeInstance::stop(const std::string& why) {
  around_.trace([&] { return "luge    " + std::to_string(owner_.fence) + " stops: " + why; });
  (void)die();
}

Instant LugeInstance::next_due() const {
  if (phase_ == Phase::stopped) return {INT64_MAX};
  Instant due = phase_ == Phase::streaming ? Instant{INT64_MAX} : due_;
  if (running_) {
    due = std::min({due, wait_.deadline, last_step_ + kLongestWait, running_->sink->next_due(), running_->state->next_due(),
                    running_->catalog->next_due(), running_->finder->next_due(), running_->copies->next_due()});
    if (stream_) due = std::min(due, stream_->next_due());
    if (must_step()) due = busy_until_;
  }
  return std::max(due, paused_until_);
}

void LugeInstance::pause_until(Instant until) {
  paused_until_ = until;
  was_paused_ = true;
}

void LugeInstance::drain() {
  if (!running_) return;
  running_->pipeline->drain();
  draining_ = true;
}

void LugeInstance::run() {
  if (phase_ == Phase::stopped) return;
  if (stream_) stream_->run();
  if (running_) {
    // These go on while the process itself is suspended: they are other people's machines.
    running_->sink->run();
    running_->state->run();
    running_->copies->run();
    running_->finder->run();
  }
  if (stream_ && stream_->dropped_for_silence() && !was_paused_) {
    return around_.oracle.fail("I14", "the server dropped a client that was running and connected: no feedback for wal_sender_timeout");
  }
  if (around_.now < paused_until_ || around_.now < busy_until_) return;
  if (phase_ == Phase::streaming || phase_ == Phase::connecting) {
    if (running_ && (must_step() || dice_.percent(1))) step();
    if (phase_ != Phase::connecting || around_.now < due_) return;
    return connect();
  }
  if (around_.now < due_) return;
  if (phase_ == Phase::opening) return open();
  if (phase_ == Phase::repairing) return repair();
}

bool LugeInstance::judge(const SessionFacts& facts, const Frontier& frontier, GapVerdict& verdict) {
  verdict = evaluate_gap(facts, record_, frontier);
  around_.trace([&] {
    return "luge    " + std::to_string(owner_.fence) + " gap test: " + (verdict.kind == GapVerdict::Kind::resume ? "resume" : verdict.what);
  });
  if (around_.state.is_newest(owner_.fence)) around_.oracle.verdict(verdict, record_.epoch, around_.gap_possible);
  switch (verdict.kind) {
    case GapVerdict::Kind::resume: around_.marks.hit(Mark::resumes); return true;
    case GapVerdict::Kind::unavailable: around_.marks.hit(Mark::unavailable_verdicts); return false;
    case GapVerdict::Kind::destination: around_.marks.hit(Mark::destination_gap_verdicts); return false;
    default: around_.marks.hit(Mark::gap_verdicts); return false;
  }
}

void LugeInstance::open() {
  due_ = around_.now + dice_.millis(20, 800);
  if (!around_.server.up()) return;
  if (!lease_) {
    auto acquired = around_.state.acquire(kPipeline);
    lease_ = *acquired;
    owner_.fence = lease_->fence;
    around_.trace([&] { return "luge    " + std::to_string(owner_.fence) + " starts"; });
  }
  auto known = around_.state.load(kPipeline);
  auto frontier = around_.destination.open(lease_->fence);
  if (!frontier) return stop(frontier.error().code);
  if (*known) record_ = **known;
  if (record_.slot_phase != StateRecord::SlotPhase::ready) {
    epoch_chosen_ = false;
    phase_ = Phase::repairing;
    return;
  }
  GapVerdict verdict;
  if (!judge(around_.server.facts(), *frontier, verdict) || begin_again_) {
    if (verdict.kind == GapVerdict::Kind::unavailable) return;
    begin_again_ = false;
    // on_gap: resync
    record_.epoch = std::max(record_.epoch, frontier->checkpoint.epoch) + 1;
    epoch_chosen_ = true;
    record_.slot_phase = StateRecord::SlotPhase::creating;
    record_.ack_intent = {};
    record_.checkpoint = {};
    if (auto saved = around_.state.save(*lease_, record_); !saved) return stop(saved.error().code);
    around_.marks.hit(Mark::resyncs_after_gap);
    phase_ = Phase::repairing;
    return;
  }
  if (record_.timeline != around_.server.timeline()) {
    for (TableRecord& table : frontier->tables) {
      if (table.state == TableState::catching_up) table.state = TableState::resyncing;
    }
  }
  record_.timeline = around_.server.timeline();
  if (auto saved = around_.state.save(*lease_, record_); !saved) return stop(saved.error().code);
  around_.gap_possible = around_.restored;
  start_pipeline(*frontier, record_.epoch > frontier->checkpoint.epoch && !frontier->tables.empty());
}

// First start, and a gap by choice: a new slot, in two phases.
void LugeInstance::repair() {
  due_ = around_.now + dice_.millis(5, 200);
  SimPostgres& server = around_.server;
  if (!server.up() || server.slot_active) return;
  auto frontier = around_.destination.open(lease_->fence);
  if (!frontier) return stop(frontier.error().code);
  if (!std::exchange(epoch_chosen_, true)) {
    const Epoch known = std::max({Epoch{1}, frontier->checkpoint.epoch, record_.epoch});
    record_.epoch = frontier->tables.empty() ? known : known + 1;
  }
  record_.slot_phase = StateRecord::SlotPhase::creating;
  const SessionFacts facts = server.facts();
  record_.system_identifier = facts.system_identifier;
  record_.database_oid = facts.database_oid;
  record_.timeline = facts.timeline;
  record_.publication_oid = facts.publication_oid;
  record_.slot = "luge_luge";
  record_.publication = "luge_luge";
  record_.mirror_uuid = frontier->mirror_uuid;
  if (auto saved = around_.state.save(*lease_, record_); !saved) return stop(saved.error().code);
  if (!std::exchange(slot_dropped_, true)) server.slot() = {};
  if (!server.try_create_slot()) return;
  slot_dropped_ = false;
  record_.ack_intent = server.slot().consistent_point;
  record_.checkpoint = {record_.epoch, {}, {}};
  if (frontier->checkpoint.epoch != record_.epoch) record_.checkpoint = frontier->checkpoint;
  record_.slot_phase = StateRecord::SlotPhase::ready;
  around_.oracle.epoch_started(record_.ack_intent);
  if (auto saved = around_.state.save(*lease_, record_); !saved) return stop(saved.error().code);
  around_.gap_possible = around_.restored = false;
  start_pipeline(*frontier, !frontier->tables.empty());
}

void LugeInstance::start_pipeline(const Frontier& frontier, bool resync_all) {
  owner_.delivered = around_.server.slot().confirmed;
  Running running;
  running.memory = std::make_shared<MemoryBudget>(around_.memory_bytes);
  running.sink =
      std::make_unique<SimSink>(around_.destination, owner_, record_.epoch, around_.sink_capacity, dice_.fork(), around_.now, around_.marks);
  running.state = std::make_unique<SimStateSink>(around_.state, *lease_, record_, dice_.fork(), around_.now, around_.marks);
  running.catalog = std::make_unique<SimCatalog>(around_.server, dice_.fork(), around_.now);
  running.finder = std::make_unique<SimTableFinder>(around_.server, dice_.fork(), around_.now);
  running.copies = std::make_unique<SimCopy>(around_.server, around_.destination, *running.memory, owner_.fence, dice_.fork(), around_.now,
                                             around_.trace, around_.marks);
  running.pipeline = std::make_unique<Pipeline>(
      around_.options, PipelinePorts{*running.sink, *running.state, *running.catalog, *running.copies, *running.finder, clock_, *running.memory},
      PipelineStart{frontier, record_.epoch, record_.ack_intent, resync_all});
  running_ = std::move(running);
  wait_ = {};
  phase_ = Phase::connecting;
  due_ = around_.now;
  last_step_ = around_.now;
}

void LugeInstance::connect() {
  due_ = around_.now + dice_.millis(20, 1500);
  if (!around_.server.up()) return;
  const SessionFacts facts = around_.server.facts();
  Frontier frontier;
  frontier.mirror_uuid = record_.mirror_uuid;
  frontier.checkpoint = running_->pipeline->durable_checkpoint();
  record_ = running_->state->stored();
  GapVerdict verdict;
  if (!judge(facts, frontier, verdict)) {
    if (verdict.kind != GapVerdict::Kind::unavailable) reopen(to_error(verdict));
    return;
  }
  if (facts.server_lsn < running_->pipeline->status().received)
    return reopen(make_error(Recovery::retry, "regress", "the server's WAL ends before what it has sent"));
  if (facts.timeline != record_.timeline) return reopen(make_error(Recovery::retry, "timeline", "the server is on another timeline"));
  around_.gap_possible = around_.restored;
  stream_ = std::make_unique<SimStream>(around_.server, around_.state, around_.oracle, owner_, around_.streaming, dice_.fork(), around_.now,
                                        around_.trace, around_.marks);
  around_.oracle.session_started(facts.slot.confirmed_flush);
  owner_.delivered = facts.slot.confirmed_flush;  // what ended before is in any copy
  was_paused_ = false;
  running_->pipeline->start_session(*stream_, facts);
  phase_ = Phase::streaming;
  wait_ = {};
  wait_.again = true;
}

bool LugeInstance::must_step() const {
  const Running& running = *running_;
  if (wait_.again || wait_.deadline <= around_.now || last_step_ + kLongestWait <= around_.now) return true;
  if (stream_ && wait_.until_readable && stream_->readable()) return true;
  return running.sink->has_outcome() || running.state->has_answer() || running.catalog->has_answer() || running.finder->has_event() ||
         running.copies->has_event();
}

void LugeInstance::step() {
  const bool was_full = running_->sink->full();
  const std::uint64_t replies = stream_ ? stream_->feedbacks() : 0;
  last_step_ = around_.now;
  busy_until_ = around_.now + dice_.micros(20, 400);
  auto wait = running_->pipeline->step();
  if (stream_ && was_full && stream_->feedbacks() > replies) around_.marks.hit(Mark::feedback_while_full);
  if (!wait) {
    const Error error = std::move(wait).error();
    if (error.code == "gap") {
      if (around_.state.is_newest(owner_.fence)) around_.oracle.gap_in_stream(running_->pipeline->status().durable, around_.gap_possible);
      // on_gap: stop, and an operator who starts luge again; or on_gap: resync.
      if (dice_.percent(30)) return stop("gap");
      begin_again_ = true;
    }
    if (stream_) running_->pipeline->end_session();
    stream_.reset();
    if (error.recovery == Recovery::reconnect) return lose_session(error);
    return reopen(error);
  }
  wait_ = *wait;
  running_->sink->record_intent({record_.epoch, running_->pipeline->intent_saved()});
  if (draining_ && running_->pipeline->drained()) {
    if (stream_) running_->pipeline->end_session();
    stop("drained");
  }
}

void LugeInstance::lose_session(const Error& error) {
  around_.trace([&] { return "luge    " + std::to_string(owner_.fence) + " lost its session: " + error.code; });
  phase_ = Phase::connecting;
  due_ = around_.now + dice_.millis(5, 1000);
}

void LugeInstance::reopen(const Error& error) {
  around_.trace([&] { return "luge    " + std::to_string(owner_.fence) + " reopens: " + error.code + " " + error.what; });
  stream_.reset();
  if (running_) {
    running_->pipeline.reset();
    if (dice_.percent(50)) running_->sink->finish_orphan();  // the worker finishes what it is at before it joins
  }
  running_.reset();
  draining_ = false;
  if (error.code == "fenced") return stop("fenced");
  if (error.recovery == Recovery::stop_pipeline && error.code != "gap")
    return around_.oracle.fail("STOP", "the pipeline stops for no reason of the world's: " + error.message());
  phase_ = Phase::opening;
  due_ = around_.now + dice_.millis(20, 800);
}

}  // namespace luge
