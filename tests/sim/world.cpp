#include "sim/world.h"

#include <algorithm>

#include "base/ensure.h"
#include "sim/broken_invariant.h"

namespace luge {

namespace {

constexpr Duration kPatience = std::chrono::minutes(5);  // virtual time in which something must move, until everything has converged
constexpr Duration kLongestEnd = std::chrono::minutes(60);
constexpr Duration kLeastStep = std::chrono::microseconds(20);
constexpr std::uint64_t kLeastTransactions = 50;
constexpr std::uint64_t kMostRounds = 400'000;           // a seed that needs more is stuck in a busy loop

}  // namespace

PostgresOptions World::postgres_options(Dice& dice) {
  PostgresOptions options;
  options.sync_standby = dice.percent(50);
  options.skip_empty = dice.percent(70);
  options.decoding_work_changes = dice.percent(30) ? 1'000'000 : dice.between(2, 24);
  options.wal_sender_timeout = dice.percent(50) ? Duration(std::chrono::seconds(60)) : Duration(std::chrono::seconds(dice.between_int(4, 20)));
  if (dice.percent(5)) options.wal_sender_timeout = Duration{0};
  if (dice.percent(40)) options.first_xid = (dice.between(1, 3) << 32) - dice.between(10, 300);
  return options;
}

PipelineOptions World::pipeline_options(const std::string& spool_directory) {
  PipelineOptions options;
  options.save_interval = Duration{0};  // as many stored positions as can be: a crash finds each of them. Not where luge waits as its driver
  options.batch_max_size = dice_.percent(30) ? dice_.between(1, 5) : dice_.between(5, 300);
  options.batch_max_fill = dice_.millis(1, 500);
  options.batch_max_bytes = dice_.percent(20) ? 2048 : 64U << 20;
  options.frames_per_step = static_cast<std::uint32_t>(dice_.percent(30) ? dice_.between(1, 4) : dice_.between(8, 256));
  options.spool.directory = spool_directory;
  options.spool.memory_bytes = dice_.percent(15) ? 512 : 32U << 20;
  options.spool.chunk_rows = static_cast<std::uint32_t>(dice_.percent(40) ? dice_.between(1, 6) : 65536);
  options.max_parallel_copies = static_cast<std::uint32_t>(dice_.between(1, 3));
  return options;
}

World::World(std::uint64_t seed, bool trace, Marks& marks, const std::string& spool_directory)
    : dice_(seed * 0x9e3779b97f4a7c15ULL + 1),
      trace_(trace, now_),
      marks_(marks),
      server_(postgres_options(dice_), dice_.fork(), now_, trace_, marks),
      destination_(trace_, marks),
      state_(trace_),
      oracle_(server_, destination_, trace_, marks),
      workload_(server_, dice_.fork(), now_, marks),
      span_(dice_.millis(6'000, 20'000)),
      plan_(plan_faults(dice_, span_)),
      around_{server_,
              destination_,
              state_,
              oracle_,
              now_,
              trace_,
              marks,
              pipeline_options(spool_directory),
              64U << 20,
              static_cast<std::size_t>(dice_.between(1, 4)),
              dice_.percent(85)},
      cuts_at_copies_(dice_.percent(25)),
      copies_seen_(marks.count(Mark::copies_finished)),
      loses_state_at_slots_(dice_.percent(15)),
      slots_seen_(marks.count(Mark::slots_recreated)) {
  destination_.watched_by(oracle_);
  state_.watched_by(oracle_);
  // Some seeds have a destination that answers late. Without the dice: what the other seeds are stays as it was.
  if (seed % 4 == 1) around_.sink_capacity = SimSink::kDeep + 1 + static_cast<std::size_t>(seed / 4 % 20);
  // And some show what is done too late when nothing else wakes luge. Of another throw, for the same reason.
  if (Dice(~seed).percent(33)) {
    around_.waits_as_driver = true;
    around_.options.save_interval = PipelineOptions{}.save_interval;
    marks_.hit(Mark::drivers_waits);
  }
  if (dice_.percent(15)) {
    around_.memory_bytes = dice_.between(1024, 16'384);
    marks_.hit(Mark::tiny_budgets);
  }
}

void World::start_instance() { instances_.push_back(std::make_unique<LugeInstance>(around_, dice_.fork())); }

bool World::kill_luge() {
  if (luge().stopped()) return false;
  marks_.hit(Mark::luge_crashes);
  trace_([] { return std::string("fault   luge is killed"); });
  if (auto orphan = luge().die()) orphans_.push_back({now_ + dice_.millis(0, 1500), std::move(*orphan)});
  return true;
}

bool World::cut_all() {
  bool any = false;
  for (auto& instance : instances_) {
    if (instance->stream() == nullptr) continue;
    any |= instance->stream()->connected();
    instance->stream()->cut();
  }
  return any;
}

std::optional<Oracle::Failure> World::run() {
  try {
    live();
  } catch (const BrokenInvariant& broken) {
    oracle_.fail(broken.invariant, broken.what);
  }
  return oracle_.failure();
}

void World::live() {
  workload_.create_tables();
  advance_to(now_ + dice_.millis(0, 1500));
  start_instance();
  for (; next_fault_ < plan_.size() && !oracle_.failure(); ++next_fault_) {
    advance_to(plan_[next_fault_].at);
    if (oracle_.failure()) break;
    inject(plan_[next_fault_].fault);
  }
  advance_to(Instant{span_.count()});
  // Whatever the sessions were kept from, and whoever was not there to feel a fault.
  while (!oracle_.failure() && now_ < Instant{span_.count()} + kPatience) {
    if (workload_.transactions() >= kLeastTransactions && faults() >= kLeastFaults) break;
    if (faults() < kLeastFaults) inject(ordinary_fault(dice_));
    advance_to(now_ + std::chrono::seconds(1));
  }
  if (oracle_.failure()) return;
  ENSURE(workload_.transactions() >= kLeastTransactions, "a seed with too few transactions proves little");
  ENSURE(faults() >= kLeastFaults, "a seed with too few faults proves little");

  trace_([] { return std::string("world   faults and writers stop"); });
  calm_ = true;
  workload_.finish();
  server_.calm_down();
  for (std::size_t i = 0; i + 1 < instances_.size(); ++i) (void)instances_[i]->die();
  // The smallest budgets make slow worlds: as long as they go forward they may.
  Checkpoint reached = destination_.store().checkpoint;
  Instant deadline = now_ + kPatience;
  const Instant last = now_ + kLongestEnd;
  while (!oracle_.failure()) {
    if (luge().stopped()) start_instance();
    if (converged()) break;
    if (destination_.store().checkpoint > reached) {
      reached = destination_.store().checkpoint;
      deadline = std::min(now_ + kPatience, last);
    }
    if (now_ >= deadline) {
      oracle_.fail("I14", "not caught up five minutes after the last fault or commit");
      break;
    }
    advance_to(now_ + std::chrono::milliseconds(100));
  }
  if (!oracle_.failure()) oracle_.check_converged();
}

bool World::converged() {
  Pipeline* pipeline = luge().pipeline();
  if (pipeline == nullptr || !luge().streaming() || !luge().stream()->connected() || server_.flushed_lsn() != server_.insert_lsn() ||
      !pipeline->caught_up(server_.insert_lsn()))
    return false;
  for (const auto& [oid, version] : server_.visible()) {
    if (!server_.published(oid) || !version.def()->selected) continue;
    const auto& tables = destination_.store().tables;
    const auto found = tables.find(oid);
    if (found == tables.end() || found->second->record.state != TableState::live) return false;
  }
  return true;
}

void World::advance_to(Instant limit) {
  for (std::uint64_t round = 0; !oracle_.failure(); ++round) {
    if (round > kMostRounds) return oracle_.fail("I14", "the world turns without time passing");
    Instant next = std::min({limit, server_.next_due(), workload_.next_due(), next_backup_, next_tending_, cut_at_, lose_state_at_});
    for (const auto& instance : instances_) next = std::min(next, instance->next_due());
    for (const Orphan& orphan : orphans_) next = std::min(next, orphan.at);
    now_ = std::max(round == 0 ? now_ : now_ + kLeastStep, next);
    if (now_ >= limit) return;
    run_actors();
  }
}

void World::run_actors() {
  server_.run();
  if (around_.restored && now_ >= next_look_) {
    next_look_ = now_ + std::chrono::milliseconds(20);
    if (only_the_position_tells()) workload_.rest_until(now_ + std::chrono::milliseconds(500));
  }
  if (!calm_) workload_.run();
  for (auto& instance : instances_) {
    instance->run();
    if (oracle_.failure()) return;
  }
  std::erase_if(orphans_, [&](Orphan& orphan) {
    if (orphan.at > now_) return false;
    if (orphan.what.sink->finish_orphan()) trace_([] { return std::string("dest    a write of a dead instance landed"); });
    return true;
  });
  if (const std::uint64_t copies = marks_.count(Mark::copies_finished); copies != std::exchange(copies_seen_, copies) && cuts_at_copies_ && !calm_) {
    cut_at_ = now_ + dice_.millis(0, 80);
  }
  if (const std::uint64_t slots = marks_.count(Mark::slots_recreated);
      slots != std::exchange(slots_seen_, slots) && loses_state_at_slots_ && !calm_) {
    lose_state_at_ = now_ + dice_.millis(0, 1500);
  }
  if (now_ >= lose_state_at_) {
    lose_state_at_ = {INT64_MAX};
    if (!calm_) inject(Fault::state_lost);
  }
  if (now_ >= cut_at_) {
    cut_at_ = {INT64_MAX};
    marks_.hit(Mark::connection_cuts);
    cut_all();
  }
  if (now_ >= next_backup_) {
    next_backup_ = now_ + dice_.millis(300, 3000);
    old_mirrors_.push_back(destination_.store());
    if (state_.record()) old_states_.push_back(*state_.record());
    if (old_mirrors_.size() > 4) old_mirrors_.pop_front();
    if (old_states_.size() > 4) old_states_.pop_front();
  }
  if (now_ >= next_tending_) {
    next_tending_ = now_ + std::chrono::milliseconds(700);
    tend();
  }
}

// The operator: restarts what stopped, and has quarantined tables copied again.
void World::tend() {
  if (instances_.empty()) return;
  if (luge().stopped() && now_ >= down_until_) start_instance();
  Pipeline* pipeline = luge().pipeline();
  if (pipeline == nullptr) return;
  for (const auto& table : pipeline->status().tables) {
    if (table.record.state == TableState::quarantined || table.record.state == TableState::gap) luge().resync(table.record.oid);
  }
}

void World::inject(Fault fault) {
  trace_([&] { return std::string("fault   ") + to_string(fault); });
  if (strike(fault)) ++around_.faults_felt;
}

bool World::strike(Fault fault) {
  LugeInstance& owner = luge();
  switch (fault) {
    case Fault::luge_crash: return kill_luge();
    case Fault::luge_pause:
      if (owner.stopped()) return false;
      marks_.hit(Mark::luge_pauses);
      owner.pause_until(now_ + (dice_.percent(10) ? dice_.millis(60'000, 120'000) : dice_.millis(100, 8'000)));
      return true;
    case Fault::luge_drain:
      if (!owner.drain()) return false;
      marks_.hit(Mark::drains);
      return true;
    case Fault::second_instance:
      marks_.hit(Mark::zombies);
      if (dice_.percent(50)) owner.pause_until(now_ + dice_.millis(100, 6'000));
      start_instance();
      return true;
    case Fault::connection_cut:
      if (!cut_all()) return false;
      marks_.hit(Mark::connection_cuts);
      return true;
    case Fault::black_hole:
      if (owner.stream() == nullptr || !owner.stream()->connected() || owner.stream()->swallowed()) return false;
      if (server_.options().wal_sender_timeout.count() == 0) return false;
      marks_.hit(Mark::black_holes);
      owner.stream()->swallow();
      return true;
    case Fault::server_crash:
      if (!server_.up()) return false;
      marks_.hit(Mark::server_crashes);
      server_.crash(dice_.millis(10, 3000));
      workload_.server_died();
      for (auto& instance : instances_) {
        if (instance->copies() != nullptr) instance->copies()->server_died();
      }
      cut_all();
      return true;
    case Fault::destination_refuses:
      if (owner.sink() != nullptr) owner.sink()->fail_next_commit(SimSink::Fault::refuse);
      return false;
    case Fault::destination_outcome_lost_applied:
      if (owner.sink() != nullptr) owner.sink()->fail_next_commit(SimSink::Fault::lose_applied);
      return false;
    case Fault::destination_outcome_lost_unapplied:
      if (owner.sink() != nullptr) owner.sink()->fail_next_commit(SimSink::Fault::lose_unapplied);
      return false;
    case Fault::destination_hangs:
      if (owner.sink() != nullptr) owner.sink()->hang_until(now_ + dice_.millis(500, dice_.percent(20) ? 70'000 : 8'000));
      return false;
    case Fault::state_refuses:
      if (owner.state_sink() != nullptr) owner.state_sink()->fail_next();
      return false;
    case Fault::state_hangs:
      if (owner.state_sink() != nullptr) owner.state_sink()->hang_until(now_ + dice_.millis(500, 10'000));
      return false;
    case Fault::copy_killed: return owner.copies() != nullptr && owner.copies()->kill_one();
    case Fault::wall_clock_jump:
      if (owner.stopped()) return false;
      marks_.hit(Mark::clock_jumps);
      owner.wall_clock_jumps((dice_.percent(50) ? 1 : -1) * std::int64_t{31'536'000'000'000});
      return true;
    case Fault::silence: workload_.rest_until(now_ + dice_.millis(500, 20'000)); return true;
    case Fault::invalidation: server_.invalidate(static_cast<RelationOid>(dice_.between(16401, 16403))); return true;
    case Fault::resync: return owner.pipeline() != nullptr && owner.resync(static_cast<RelationOid>(dice_.between(16401, 16403)));
    case Fault::slot_advanced: {
      const Lsn before = server_.slot().confirmed;
      if (!server_.slot().exists) return false;
      cut_all();
      around_.gap_possible = true;
      server_.slot().confirmed = Lsn{dice_.between(before.value, server_.insert_lsn().value)};
      server_.checkpoint();
      return server_.slot().confirmed > before;
    }
    case Fault::slot_dropped: {
      const bool existed = server_.slot().exists;
      cut_all();
      around_.gap_possible = true;
      server_.slot() = {};
      return existed;
    }
    case Fault::slot_recreated:
      cut_all();
      around_.gap_possible = true;
      server_.slot() = {true, false, server_.insert_lsn(), server_.insert_lsn(), server_.insert_lsn()};
      return true;
    case Fault::slot_lost:
      cut_all();
      around_.gap_possible = true;
      server_.slot().lost = server_.slot().exists;
      return server_.slot().lost;
    case Fault::server_restored: return restore_server();
    case Fault::destination_restored: {
      if (old_mirrors_.empty()) return false;
      const MirrorStore& older = dice_.pick(old_mirrors_);
      // One that stands where luge last knew it to stand cannot be told from the right one, though its copies may be older.
      if (state_.record() && older.checkpoint == state_.record()->checkpoint) return false;
      // As in restore_server(): on one timeline nothing tells that an unsettled copy has seen what the server has lost since.
      const auto settled = [](const auto& table) { return table.second->record.state == TableState::live; };
      if (oracle_.has_past() && !std::all_of(older.tables.begin(), older.tables.end(), settled)) return false;
      stop_everybody();
      marks_.hit(Mark::destination_restores);
      destination_.restore(older);
      return true;
    }
    case Fault::state_restored:
      if (old_states_.empty()) return false;
      stop_everybody();
      marks_.hit(Mark::state_restores);
      state_.restore(dice_.pick(old_states_));
      return true;
    case Fault::state_lost:
      if (!state_.record()) return false;
      // With it goes the timeline on which luge was: too late to wait for luge to look.
      if (oracle_.would_pass_unnoticed() && server_.insert_lsn() >= destination_.store().checkpoint.end_lsn) return false;
      stop_everybody();
      marks_.hit(Mark::state_losses);
      state_.lose();
      return true;
    case Fault::operator_pause:
      if (luge().pipeline() == nullptr) return false;
      marks_.hit(Mark::operator_pauses);
      luge().read_nothing_until(now_ + (dice_.percent(10) ? dice_.millis(60'000, 120'000) : dice_.millis(100, 8'000)));
      return true;
  }
  return false;
}

void World::stop_everybody() {
  kill_luge();
  for (auto& instance : instances_) (void)instance->die();
  orphans_.clear();
  if (dice_.percent(70)) down_until_ = now_ + dice_.millis(0, 10'000);
  around_.gap_possible = true;
  // What comes back may be of the course that was repaired since.
  if (oracle_.has_past()) around_.restored = true;
}

bool World::only_the_position_tells() const {
  const bool timeline_tells = state_.record() && state_.record()->timeline != server_.timeline();
  return !timeline_tells && oracle_.would_pass_unnoticed();
}

bool World::restore_server() {
  cut_all();
  around_.gap_possible = around_.restored = true;
  for (auto& instance : instances_) {
    if (instance->copies() != nullptr) instance->copies()->server_died();
  }
  workload_.server_died();
  const auto before = server_.shared_history();
  // Nothing remembers how far a copy that is not settled has seen; only a new timeline tells that it may have seen too much.
  const auto& tables = destination_.store().tables;
  const bool unsettled = std::any_of(tables.begin(), tables.end(), [](const auto& table) { return table.second->record.state != TableState::live; });
  const bool new_timeline = unsettled || dice_.percent(35);
  const Lsn oldest = server_.oldest_restore();
  // A copied data directory says nothing of its age: it is noticed as long as it is behind. Once it has written on, only by a
  // transaction that luge knows and it does not.
  const Checkpoint& reached = destination_.store().checkpoint;
  const bool known = state_.record() && state_.record()->epoch == reached.epoch && reached.witness.commit_lsn > oldest;
  const bool writes_on = !new_timeline && known && dice_.percent(80);
  const Lsn latest = writes_on ? reached.witness.commit_lsn : server_.insert_lsn();
  const Lsn earliest = std::max(oldest, Lsn{latest.value - (writes_on || dice_.percent(50) ? 6'000 : 20'000)});
  server_.restore(Lsn{dice_.between(earliest.value, latest.value)}, new_timeline, dice_.percent(writes_on ? 95 : 60));
  oracle_.history_changed(before, server_.insert_lsn());
  if (writes_on && dice_.percent(85)) luge().pause_until(now_ + dice_.millis(500, 8000));
  return true;
}

}  // namespace luge
