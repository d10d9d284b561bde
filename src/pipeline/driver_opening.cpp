#include "pipeline/driver_opening.h"

#include <utility>

#include "base/log.h"
#include "pipeline/retyped_tables.h"

namespace luge {

StateRecord DriverOpening::ours() const {
  StateRecord record;
  record.slot = gate_.slot();
  record.publication = gate_.publication();
  record.destination = options_.destination_name;
  record.source = options_.source.redacted();
  record.options_fingerprint = options_.options_fingerprint;
  return record;
}

Result<Opening> DriverOpening::open() {
  OpeningFacts facts;
  TRY(facts.known, state_.load(lease_.pipeline));
  TRY(facts.source, gate_.facts());
  OpenRequest request;
  request.pipeline = options_.pipeline;
  request.fence = lease_.fence;
  request.expected_uuid = facts.known ? facts.known->mirror_uuid : std::string();
  request.source_description = options_.source.redacted() + " (system " + std::to_string(facts.source.system_identifier) + ", database " +
                               std::to_string(facts.source.database_oid) + ")";
  request.log_mode = options_.log_mode;
  TRY(facts.frontier, destination_.open(request));
  facts.ours = ours();
  facts.repair_gaps = options_.on_gap == DriverOptions::OnGap::resync;
  facts.begin_again = begin_again_;
  Opening opening;
  opening.facts = facts.source;
  OpeningPlan plan = plan_opening(std::move(facts));
  if (plan.kind == OpeningPlan::Kind::refuse) return *std::move(plan.refusal);
  tell(plan, opening.facts.slot);
  opening.frontier = std::move(plan.frontier);
  opening.resync_all = plan.resync_all;
  const bool resumes = plan.kind == OpeningPlan::Kind::resume;
  if (resumes && !opening.resync_all) CHECK_OK(apply_column_rules(opening.frontier.tables));
  if (plan.begins_epoch()) CHECK_OK(destination_.begin_epoch(plan.record.epoch));
  CHECK_OK(state_.save(lease_, plan.record));
  if (resumes) {
    opening.record = std::move(plan.record);
    return opening;
  }
  if (plan.drop_slot) CHECK_OK(gate_.drop_slot());
  CHECK_OK(make_slot(opening, std::move(plan.record)));
  return opening;
}

void DriverOpening::tell(const OpeningPlan& plan, const SlotFacts& slot) {
  if (plan.adopted) {
    log_event(LogLevel::warn, "state_adopted",
              "luge's state is missing; the destination's own checkpoint covers the slot's position, so nothing is lost",
              {{"checkpoint", to_string(plan.frontier.checkpoint.end_lsn)}, {"confirmed_flush", to_string(slot.confirmed_flush)}});
  }
  if (plan.verdict && plan.verdict->kind != GapVerdict::Kind::resume) {
    log_event(LogLevel::warn, "gap_repair", plan.verdict->what + "; every table is copied again (on_gap: resync)",
              {{"from", to_string(plan.verdict->from)}, {"to", to_string(plan.verdict->to)}});
  }
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

Status DriverOpening::make_slot(Opening& opening, StateRecord record) {
  // The publication comes first: a slot decodes each change under the publication as it was then.
  CHECK_OK(gate_.ensure_publication());
  TRY(const Lsn consistent_point, gate_.create_slot());
  TRY(opening.facts, gate_.facts());
  opening.record = record_of_new_slot(std::move(record), opening.facts, opening.frontier, consistent_point);
  return state_.save(lease_, opening.record);
}

}  // namespace luge
