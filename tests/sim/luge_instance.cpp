#include "sim/luge_instance.h"

#include <algorithm>

#include "pipeline/rule_g.h"

namespace luge {

namespace {
constexpr Duration kRestlessWait = std::chrono::milliseconds(500);
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
    due = std::min({due, wait_.deadline, last_step_ + longest_wait(), running_->sink->next_due(), running_->state->next_due(),
                    running_->catalog->next_due(), running_->finder->next_due(), running_->copies->next_due()});
    if (stream_) due = std::min(due, stream_->next_due());
    if (reads_again_ > around_.now) due = std::min(due, reads_again_);
    if (must_step()) due = busy_until_;
  }
  return std::max(due, paused_until_);
}

void LugeInstance::pause_until(Instant until) {
  paused_until_ = until;
  was_paused_ = true;
}

void LugeInstance::read_nothing_until(Instant until) {
  reads_again_ = until;
  if (running_) running_->pipeline->pause(true);
}

bool LugeInstance::drain() {
  if (!running_ || draining_) return false;
  running_->pipeline->drain();
  draining_ = true;
  woken_ = true;
  return true;
}

bool LugeInstance::resync(RelationOid oid) {
  if (!running_ || !running_->pipeline->resync(oid)) return false;
  woken_ = true;
  return true;
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
  if (running_) {
    const bool reads_nothing = around_.now < reads_again_;
    running_->pipeline->pause(reads_nothing);
    woken_ |= reads_nothing != std::exchange(reads_nothing_, reads_nothing);
  }
  if (phase_ == Phase::streaming || phase_ == Phase::connecting) {
    if (running_ && (must_step() || (!around_.waits_as_driver && dice_.percent(1)))) step();
    if (phase_ != Phase::connecting || around_.now < due_) return;
    return connect();
  }
  if (around_.now < due_) return;
  if (phase_ == Phase::opening) return open();
  if (phase_ == Phase::making_slot) return make_slot();
}

bool LugeInstance::judged(const GapVerdict& verdict, Epoch epoch) {
  around_.trace([&] {
    return "luge    " + std::to_string(owner_.fence) + " gap test: " + (verdict.kind == GapVerdict::Kind::resume ? "resume" : verdict.what);
  });
  if (around_.state.is_newest(owner_.fence)) around_.oracle.verdict(verdict, epoch, around_.gap_possible);
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
  OpeningFacts facts;
  facts.known = *around_.state.load(kPipeline);
  auto frontier = around_.destination.open(lease_->fence);
  if (!frontier) return stop(frontier.error().code);
  facts.frontier = *frontier;
  facts.source = around_.server.facts();
  facts.ours.slot = facts.ours.publication = "luge_luge";
  facts.repair_gaps = true;
  facts.begin_again = begin_again_;
  const Epoch epoch = facts.known ? facts.known->epoch : std::max(Epoch{1}, frontier->checkpoint.epoch);
  plan_ = plan_opening(std::move(facts));
  const bool begins_anyway = plan_.kind == OpeningPlan::Kind::new_slot && plan_.verdict && plan_.verdict->kind == GapVerdict::Kind::resume;
  if (plan_.verdict && !begins_anyway) (void)judged(*plan_.verdict, epoch);
  if (plan_.kind == OpeningPlan::Kind::refuse) return refused(*plan_.refusal);
  if (plan_.adopted) around_.marks.hit(Mark::states_adopted);
  if (plan_.begins_epoch()) {
    if (auto begun = around_.destination.begin_epoch(lease_->fence, plan_.record.epoch); !begun) return stop(begun.error().code);
    if (dice_.percent(5)) return stop("killed");
  }
  if (auto saved = around_.state.save(*lease_, plan_.record); !saved) return stop(saved.error().code);
  if (plan_.kind == OpeningPlan::Kind::resume) {
    around_.gap_possible = around_.restored;
    return start_pipeline();
  }
  if (plan_.verdict) around_.marks.hit(Mark::resyncs_after_gap);
  phase_ = Phase::making_slot;
  slot_dropped_ = !plan_.drop_slot;
}

void LugeInstance::refused(const Error& error) {
  if (error.recovery == Recovery::reconnect) return;  // tries again
  if (error.code != "slot_exists")
    return around_.oracle.fail("I14", "the pipeline waits for an operator for no reason of the world's: " + error.message());
  // Nothing was ever durable, and the state is lost: the operator does what the message says.
  if (!around_.server.slot_active) around_.server.slot() = {};
}

// The publication is always there; what had the slot's name goes, and a new one waits for the writers of now.
void LugeInstance::make_slot() {
  due_ = around_.now + dice_.millis(5, 200);
  SimPostgres& server = around_.server;
  if (!server.up()) {
    phase_ = Phase::opening;
    return;
  }
  if (server.slot_active) return;
  // Whoever lost the pipeline meanwhile leaves the slot to its new owner.
  if (auto saved = around_.state.save(*lease_, plan_.record); !saved) return stop(saved.error().code);
  if (!std::exchange(slot_dropped_, true)) server.slot() = {};
  if (!server.try_create_slot()) return;
  plan_.record = record_of_new_slot(std::move(plan_.record), server.facts(), plan_.frontier, server.slot().consistent_point);
  around_.oracle.epoch_started(plan_.record.ack_intent);
  if (auto saved = around_.state.save(*lease_, plan_.record); !saved) return stop(saved.error().code);
  around_.gap_possible = around_.restored = false;
  start_pipeline();
}

void LugeInstance::start_pipeline() {
  begin_again_ = false;
  const StateRecord& record = plan_.record;
  owner_.delivered = around_.server.slot().confirmed;
  Running running;
  running.memory = std::make_shared<MemoryBudget>(around_.memory_bytes);
  running.sink =
      std::make_unique<SimSink>(around_.destination, owner_, around_.sink_capacity, dice_.fork(), around_.now, around_.marks, around_.faults_felt);
  running.state = std::make_unique<SimStateSink>(around_.state, *lease_, record, dice_.fork(), around_.now, around_.marks, around_.faults_felt);
  running.catalog = std::make_unique<SimCatalog>(around_.server, dice_.fork(), around_.now);
  running.finder = std::make_unique<SimTableFinder>(around_.server, dice_.fork(), around_.now);
  running.copies = std::make_unique<SimCopy>(around_.server, around_.destination, *running.memory, owner_.fence, dice_.fork(), around_.now,
                                             around_.trace, around_.marks);
  running.pipeline = std::make_unique<Pipeline>(
      around_.options, PipelinePorts{*running.sink, *running.state, *running.catalog, *running.copies, *running.finder, clock_, *running.memory},
      PipelineStart{plan_.frontier, record.epoch, record.timeline, record.quiet_since, record.ack_intent, plan_.resync_all});
  running.pipeline->pause(around_.now < reads_again_);
  running_ = std::move(running);
  intent_copied_ = {plan_.frontier.checkpoint.epoch, plan_.frontier.intent};
  wait_ = {};
  phase_ = Phase::connecting;
  due_ = around_.now;
  last_step_ = around_.now;
}

void LugeInstance::connect() {
  due_ = around_.now + dice_.millis(20, 1500);
  if (!around_.server.up()) return;
  const SessionFacts facts = around_.server.facts();
  const StateRecord& record = running_->state->stored();
  Frontier frontier;
  frontier.mirror_uuid = record.mirror_uuid;
  frontier.checkpoint = running_->pipeline->durable_checkpoint();
  const GapVerdict verdict = evaluate_gap(facts, record, frontier);
  if (!judged(verdict, record.epoch)) {
    if (verdict.kind != GapVerdict::Kind::unavailable) reopen(to_error(verdict));
    return;
  }
  if (facts.server_lsn < running_->pipeline->status().received)
    return reopen(make_error(Recovery::retry, "regress", "the server's WAL ends before what it has sent"));
  if (facts.timeline != record.timeline) return reopen(make_error(Recovery::retry, "timeline", "the server is on another timeline"));
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

Duration LugeInstance::longest_wait() const {
  if (!around_.waits_as_driver) return kRestlessWait;
  return wait_.pause.count() > 0 ? std::min(wait_.pause, Wait::kLongest) : Wait::kLongest;
}

bool LugeInstance::must_step() const {
  const Running& running = *running_;
  if (wait_.again || wait_.deadline <= around_.now || last_step_ + longest_wait() <= around_.now) return true;
  if (woken_ && around_.waits_as_driver) return true;
  const bool rests = wait_.pause.count() > 0 && around_.waits_as_driver;
  if (stream_ && wait_.until_readable && !rests && stream_->readable()) return true;
  return running.sink->has_outcome() || running.state->has_answer() || running.catalog->has_answer() || running.finder->has_event() ||
         running.copies->has_event();
}

void LugeInstance::step() {
  const bool was_full = running_->sink->full();
  const std::uint64_t replies = stream_ ? stream_->feedbacks() : 0;
  last_step_ = around_.now;
  woken_ = false;
  busy_until_ = around_.now + dice_.micros(20, 400);
  auto wait = running_->pipeline->step();
  if (stream_ && was_full && stream_->feedbacks() > replies) around_.marks.hit(Mark::feedback_while_full);
  if (!wait) {
    const Error error = std::move(wait).error();
    if (error.code == "gap") {
      if (around_.state.is_newest(owner_.fence)) around_.oracle.gap_in_stream(around_.gap_possible);
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
  copy_intent(false);
  if (draining_ && running_->pipeline->drained()) {
    copy_intent(true);
    if (stream_) running_->pipeline->end_session();
    stop("drained");
  }
}

void LugeInstance::copy_intent(bool now) {
  const Intent intent{plan_.record.epoch, running_->pipeline->intent_saved()};
  if (intent <= intent_copied_ || intent.lsn <= running_->pipeline->durable_checkpoint().end_lsn) return;
  if (!now && around_.now < intent_copy_due_) return;
  intent_copied_ = intent;
  intent_copy_due_ = around_.now + dice_.millis(50, 3'000);
  running_->sink->record_intent(intent);
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
    return around_.oracle.fail("I14", "the pipeline waits for an operator for no reason of the world's: " + error.message());
  phase_ = Phase::opening;
  due_ = around_.now + dice_.millis(20, 800);
}

}  // namespace luge
