#include "pipeline/opening_plan.h"

#include <algorithm>
#include <utility>

#include "source/catalog_fingerprint.h"

namespace luge {

namespace {

using Kind = OpeningPlan::Kind;

void remember_source(const SessionFacts& source, StateRecord& record) {
  record.system_identifier = source.system_identifier;
  record.database_oid = source.database_oid;
  record.timeline = source.timeline;
  record.publication_oid = source.publication_oid;
}

void remember_names(const StateRecord& ours, StateRecord& record) {
  record.slot = ours.slot;
  record.publication = ours.publication;
  record.destination = ours.destination;
  record.source = ours.source;
  record.options_fingerprint = ours.options_fingerprint;
}

OpeningPlan refuse(Error error, std::optional<GapVerdict> verdict = std::nullopt) {
  OpeningPlan plan;
  plan.refusal = std::move(error);
  plan.verdict = std::move(verdict);
  return plan;
}

OpeningPlan new_slot(OpeningFacts facts, StateRecord record, Epoch epoch, bool drop_slot, bool resync_all) {
  OpeningPlan plan;
  plan.kind = Kind::new_slot;
  plan.drop_slot = drop_slot;
  plan.record = std::move(record);
  remember_names(facts.ours, plan.record);
  remember_source(facts.source, plan.record);
  plan.record.slot_phase = StateRecord::SlotPhase::creating;
  plan.record.epoch = epoch;
  plan.record.mirror_uuid = facts.frontier.mirror_uuid;
  plan.frontier = std::move(facts.frontier);
  plan.resync_all = resync_all;
  return plan;
}

OpeningPlan first_start(OpeningFacts facts, bool slot_is_ours) {
  if (facts.source.in_recovery) {
    return refuse(make_error(Recovery::stop_pipeline, "standby", "the server is a standby in recovery; luge copies and follows the primary",
                             "connect to the primary"));
  }
  if (facts.source.slot.exists && !slot_is_ours) return refuse(unknown_slot(facts.ours.slot));
  // Tables that are there already are copied again. An epoch of its own makes that survive a crash: until the destination has
  // committed in it, every start copies all of them.
  const bool resync_all = !facts.frontier.tables.empty();
  StateRecord record = facts.known.value_or(StateRecord{});
  const Epoch known = std::max({Epoch{1}, facts.frontier.checkpoint.epoch, facts.frontier.newest_epoch, record.epoch});
  return new_slot(std::move(facts), std::move(record), resync_all ? known + 1 : known, slot_is_ours, resync_all);
}

OpeningPlan start_over(OpeningFacts facts, StateRecord record, GapVerdict verdict) {
  const Epoch epoch = std::max({record.epoch, facts.frontier.checkpoint.epoch, facts.frontier.newest_epoch}) + 1;
  record.ack_intent = {};
  record.quiet_since = {};
  record.checkpoint = {};
  OpeningPlan plan = new_slot(std::move(facts), std::move(record), epoch, true, true);
  plan.verdict = std::move(verdict);
  return plan;
}

// What a copy saw is known by xids, not by LSNs: one that has not settled may have seen what this timeline never had.
void copy_unsettled_again(std::uint32_t timeline, std::vector<TableRecord>& tables) {
  for (TableRecord& table : tables) {
    if (table.state != TableState::catching_up) continue;
    if (!table.snapshot || table.snapshot->timeline != timeline) table.state = TableState::resyncing;
  }
}

OpeningPlan resume(OpeningFacts facts, StateRecord record) {
  GapVerdict verdict = evaluate_gap(facts.source, record, facts.frontier);
  if (verdict.kind != GapVerdict::Kind::resume) {
    if (!is_repairable(verdict) || !facts.repair_gaps) return refuse(to_error(verdict, tables_in_gap(facts.frontier.tables)), verdict);
    return start_over(std::move(facts), std::move(record), std::move(verdict));
  }
  // A repair was decided, and luge died before its own record said so.
  const bool begun = facts.frontier.newest_epoch > std::max(record.epoch, facts.frontier.checkpoint.epoch);
  if (facts.begin_again || begun) return start_over(std::move(facts), std::move(record), std::move(verdict));
  OpeningPlan plan;
  plan.kind = Kind::resume;
  plan.verdict = std::move(verdict);
  plan.frontier = std::move(facts.frontier);
  // A new epoch that was begun, and no table was copied in it yet: all must be.
  plan.resync_all = record.epoch > plan.frontier.checkpoint.epoch && !plan.frontier.tables.empty();
  copy_unsettled_again(facts.source.timeline, plan.frontier.tables);
  record.timeline = facts.source.timeline;
  // Other options may let the server send what it left out then.
  if (!facts.ours.options_fingerprint.empty() && facts.ours.options_fingerprint != record.options_fingerprint) record.quiet_since = {};
  if (!facts.ours.options_fingerprint.empty()) record.options_fingerprint = facts.ours.options_fingerprint;
  plan.record = std::move(record);
  return plan;
}

// design.md §3 rule 2 and correctness.md §11.4: the destination's own copy of the intent, or its checkpoint, vouches for everything
// before it; the slot may not stand beyond both. What only the state knew, the timeline among it, is taken as it is now: that the server
// lost what the destination holds is told by its WAL's end or by the stream (WitnessCheck).
OpeningPlan adopt(OpeningFacts facts) {
  StateRecord record;
  remember_names(facts.ours, record);
  remember_source(facts.source, record);
  // The publication there now need not be the one that was followed.
  const auto memory = decode_fingerprint(facts.frontier.catalog_memory);
  if (memory && memory->publication != 0) record.publication_oid = memory->publication;
  record.slot_phase = StateRecord::SlotPhase::ready;
  record.epoch = std::max<Epoch>(1, facts.frontier.checkpoint.epoch);
  record.ack_intent = std::max(facts.frontier.intent, facts.frontier.checkpoint.end_lsn);
  record.publication_seen = record.ack_intent;
  record.checkpoint = facts.frontier.checkpoint;
  record.mirror_uuid = facts.frontier.mirror_uuid;
  OpeningPlan plan = resume(std::move(facts), std::move(record));
  plan.adopted = plan.kind == Kind::resume;
  return plan;
}

}  // namespace

OpeningPlan plan_opening(OpeningFacts facts) {
  if (facts.known && facts.known->slot_phase == StateRecord::SlotPhase::ready) {
    StateRecord record = *facts.known;
    return resume(std::move(facts), std::move(record));
  }
  // A slot that was being created when luge died is useless: its consistent point was never stored.
  if (facts.known) return first_start(std::move(facts), true);
  // The state was lost after a new epoch had begun and before anything was committed in it: what the destination holds vouches for nothing
  // in that slot's history.
  if (facts.frontier.newest_epoch > facts.frontier.checkpoint.epoch) return first_start(std::move(facts), true);
  if (!facts.frontier.tables.empty() || !facts.frontier.checkpoint.commit_lsn.is_zero()) return adopt(std::move(facts));
  return first_start(std::move(facts), false);
}

StateRecord record_of_new_slot(StateRecord record, const SessionFacts& source, const Frontier& frontier, Lsn consistent_point) {
  remember_source(source, record);
  record.ack_intent = consistent_point;
  record.quiet_since = {};
  record.publication_seen = consistent_point;  // it was made before, and nobody was dropping it then: the slot waited for all
  record.checkpoint = {record.epoch, {}, {}};
  // The destination of an earlier epoch stands where it stands; its checkpoint counts only within that epoch.
  if (frontier.checkpoint.epoch != record.epoch) record.checkpoint = frontier.checkpoint;
  record.slot_phase = StateRecord::SlotPhase::ready;
  return record;
}

}  // namespace luge
