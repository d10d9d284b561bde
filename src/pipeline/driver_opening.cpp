#include "pipeline/driver_opening.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "pipeline/retyped_tables.h"
#include "pipeline/rule_g.h"
#include "source/catalog_fingerprint.h"

namespace luge {

void DriverOpening::remember_source(const SessionFacts& facts, StateRecord& record) {
  record.system_identifier = facts.system_identifier;
  record.database_oid = facts.database_oid;
  record.timeline = facts.timeline;
  record.publication_oid = facts.publication_oid;
}

Result<Opening> DriverOpening::open() {
  Opening opening;
  TRY(auto known, state_.load(lease_.pipeline));
  TRY(opening.facts, gate_.facts());
  OpenRequest request;
  request.pipeline = options_.pipeline;
  request.fence = lease_.fence;
  request.expected_uuid = known ? known->mirror_uuid : std::string();
  request.source_description = options_.source.redacted() + " (system " + std::to_string(opening.facts.system_identifier) + ", database " +
                               std::to_string(opening.facts.database_oid) + ")";
  request.log_mode = options_.log_mode;
  TRY(opening.frontier, destination_.open(request));
  if (known) {
    opening.record = std::move(*known);
    if (opening.record.slot_phase == StateRecord::SlotPhase::ready) return resume(std::move(opening));
    // A slot that was being created when luge died is useless: its snapshot position was never stored.
    CHECK_OK(gate_.drop_slot());
    opening.facts.slot = {};
    return first_start(std::move(opening));
  }
  if (!opening.frontier.tables.empty() || !opening.frontier.checkpoint.commit_lsn.is_zero()) return adopt(std::move(opening));
  return first_start(std::move(opening));
}

Result<Opening> DriverOpening::first_start(Opening opening) {
  if (opening.facts.in_recovery) {
    return make_error(Recovery::stop_pipeline, "standby", "the server is a standby in recovery; luge copies and follows the primary",
                      "connect to the primary");
  }
  if (opening.facts.slot.exists) return unknown_slot(gate_.slot());
  // Tables that are there already are copied again. An epoch of its own makes that survive a crash: until the destination has
  // committed in it, every start copies all of them.
  opening.resync_all = !opening.frontier.tables.empty();
  const Epoch known = std::max({Epoch{1}, opening.frontier.checkpoint.epoch, opening.record.epoch});
  CHECK_OK(make_slot(opening, opening.resync_all ? known + 1 : known));
  return opening;
}

// design.md §3 rule 2 and correctness.md §11.4: the destination's own copy of the intent, or its checkpoint, vouches for everything
// before it; the slot may not stand beyond both.
Result<Opening> DriverOpening::adopt(Opening opening) {
  const Lsn safe = std::max(opening.frontier.intent, opening.frontier.checkpoint.end_lsn);
  const SlotFacts& slot = opening.facts.slot;
  StateRecord& record = opening.record;
  remember_source(opening.facts, record);
  // The publication there now need not be the one that was followed.
  const auto memory = decode_fingerprint(opening.frontier.catalog_memory);
  if (memory && memory->publication != 0) record.publication_oid = memory->publication;
  record.publication_seen = safe;
  record.slot = gate_.slot();
  record.publication = gate_.publication();
  record.slot_phase = StateRecord::SlotPhase::ready;
  record.epoch = std::max<Epoch>(1, opening.frontier.checkpoint.epoch);
  record.ack_intent = safe;
  record.checkpoint = opening.frontier.checkpoint;
  record.mirror_uuid = opening.frontier.mirror_uuid;
  record.destination = options_.destination_name;
  record.source = options_.source.redacted();
  record.options_fingerprint = options_.options_fingerprint;
  if (slot.exists && slot.confirmed_flush <= safe) {
    log_event(LogLevel::warn, "state_adopted",
              "luge's state is missing; the destination's own checkpoint covers the slot's position, so nothing is lost",
              {{"checkpoint", to_string(opening.frontier.checkpoint.end_lsn)}, {"confirmed_flush", to_string(slot.confirmed_flush)}});
  }
  return resume(std::move(opening));
}

Result<Opening> DriverOpening::resume(Opening opening) {
  const GapVerdict verdict = evaluate_gap(opening.facts, opening.record, opening.frontier);
  if (verdict.kind != GapVerdict::Kind::resume) {
    if (!is_repairable(verdict) || options_.on_gap != DriverOptions::OnGap::resync) return to_error(verdict, tables_in_gap(opening.frontier.tables));
    log_event(LogLevel::warn, "gap_repair", verdict.what + "; every table is copied again (on_gap: resync)",
              {{"from", to_string(verdict.from)}, {"to", to_string(verdict.to)}});
    return start_over(std::move(opening));
  }
  if (begin_again_) return start_over(std::move(opening));
  if (opening.record.epoch > opening.frontier.checkpoint.epoch && !opening.frontier.tables.empty()) {
    // The new epoch was begun but no table has been copied in it yet: all must be.
    opening.resync_all = true;
  }
  if (opening.record.timeline != opening.facts.timeline) {
    // What a copy saw is known by xids, not by LSNs: one that has not settled may have seen what this timeline never had.
    for (TableRecord& table : opening.frontier.tables) {
      if (table.state == TableState::catching_up) table.state = TableState::resyncing;
    }
  }
  opening.record.timeline = opening.facts.timeline;
  if (!opening.resync_all) CHECK_OK(apply_column_rules(opening.frontier.tables));
  if (!options_.options_fingerprint.empty()) opening.record.options_fingerprint = options_.options_fingerprint;
  CHECK_OK(state_.save(lease_, opening.record));
  return opening;
}

Status DriverOpening::apply_column_rules(std::vector<TableRecord>& tables) const {
  const std::vector<RetypedTable> retyped = find_retyped(tables, options_.pipeline_options.columns);
  if (retyped.empty()) return ok();
  if (options_.on_retype == DriverOptions::OnRetype::stop) return retyped_error(retyped);
  for (const RetypedTable& one : retyped) {
    log_event(LogLevel::warn, "table_retyped", "the rules under `columns` give it other types: it is copied again (on_retype: resync)",
              {{"table", to_string(one.name)}});
    for (TableRecord& table : tables) {
      if (table.oid == one.oid) table.state = TableState::resyncing;
    }
  }
  return ok();
}

Result<Opening> DriverOpening::start_over(Opening opening) {
  const Epoch epoch = std::max(opening.record.epoch, opening.frontier.checkpoint.epoch) + 1;
  opening.record.slot = gate_.slot();
  opening.record.slot_phase = StateRecord::SlotPhase::creating;
  opening.record.epoch = epoch;
  opening.record.ack_intent = {};
  opening.record.checkpoint = {};
  CHECK_OK(state_.save(lease_, opening.record));
  CHECK_OK(gate_.drop_slot());
  CHECK_OK(make_slot(opening, epoch));
  opening.resync_all = true;
  return opening;
}

Status DriverOpening::make_slot(Opening& opening, Epoch epoch) {
  StateRecord& record = opening.record;
  record.slot = gate_.slot();
  record.publication = gate_.publication();
  record.slot_phase = StateRecord::SlotPhase::creating;
  record.epoch = epoch;
  record.mirror_uuid = opening.frontier.mirror_uuid;
  record.destination = options_.destination_name;
  record.source = options_.source.redacted();
  record.options_fingerprint = options_.options_fingerprint;
  remember_source(opening.facts, record);
  CHECK_OK(state_.save(lease_, record));
  // The publication comes first: a slot decodes each change under the publication as it was then.
  CHECK_OK(gate_.ensure_publication());
  TRY(const Lsn consistent_point, gate_.create_slot());
  TRY(opening.facts, gate_.facts());
  remember_source(opening.facts, record);
  record.ack_intent = consistent_point;
  record.publication_seen = consistent_point;  // it was made before, and nobody was dropping it then: the slot waited for all
  record.checkpoint = {epoch, {}, {}};
  record.slot_phase = StateRecord::SlotPhase::ready;
  // The destination of an earlier epoch stands where it stands; its checkpoint counts only within that epoch.
  if (opening.frontier.checkpoint.epoch != epoch) record.checkpoint = opening.frontier.checkpoint;
  return state_.save(lease_, record);
}

}  // namespace luge
