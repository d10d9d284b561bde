#include "pipeline/rule_g.h"

#include <algorithm>
#include <utility>

namespace luge {

namespace {

using Kind = GapVerdict::Kind;

constexpr std::size_t kTablesNamed = 5;

const char* const kResync = "luge run … --on-gap resync copies the affected tables again (the mirror stays readable meanwhile)";

GapVerdict verdict(Kind kind, Lsn from, Lsn to, std::string what, std::string hint) { return {kind, from, to, std::move(what), std::move(hint)}; }

std::optional<GapVerdict> check_identity(const SessionFacts& facts, const StateRecord& state) {
  const std::string hint = "point luge at the right server, or use another --pipeline (new slot, new mirror) for this one";
  if (facts.system_identifier != state.system_identifier) {
    return verdict(Kind::identity, {}, {},
                   "this is another PostgreSQL cluster (system identifier " + std::to_string(facts.system_identifier) + ", known " +
                       std::to_string(state.system_identifier) + ")",
                   hint);
  }
  if (facts.database_oid != state.database_oid)
    return verdict(Kind::identity, {}, {}, "this is another database of the cluster, or it was dropped and made again", hint);
  if (facts.timeline < state.timeline) {
    return verdict(Kind::identity, {}, {},
                   "the server is on timeline " + std::to_string(facts.timeline) + ", older than timeline " + std::to_string(state.timeline) +
                       " seen before: an old primary came back",
                   "connect to the current primary");
  }
  return std::nullopt;
}

std::optional<GapVerdict> check_slot(const SessionFacts& facts, const StateRecord& state) {
  const SlotFacts& slot = facts.slot;
  const Lsn intent = state.ack_intent;
  if (!slot.exists) return verdict(Kind::gap, intent, facts.server_lsn, "replication slot " + state.slot + " does not exist any more", kResync);
  if (slot.wal_status == "lost" || !slot.invalidation_reason.empty()) {
    return verdict(Kind::gap, intent, facts.server_lsn,
                   "replication slot " + state.slot + " was invalidated by the server" +
                       (slot.invalidation_reason.empty() ? std::string(" (WAL removed)") : " (" + slot.invalidation_reason + ")"),
                   kResync);
  }
  if (slot.confirmed_flush > intent) {
    return verdict(Kind::gap, intent, slot.confirmed_flush,
                   "replication slot " + state.slot + " stands at " + to_string(slot.confirmed_flush) + ", beyond " + to_string(intent) +
                       ", the last position luge acknowledged: somebody else advanced or recreated it, or luge's state is older than the slot",
                   kResync);
  }
  if (!facts.publication_exists || facts.publication_oid != state.publication_oid) {
    // A server of version 18 leaves out what was changed without the publication and goes on, so the intent may lie beyond such changes.
    const Lsn from = state.publication_seen.is_zero() ? intent : std::min(intent, state.publication_seen);
    return publication_lost(state.publication, facts.publication_exists, from, facts.server_lsn);
  }
  if (slot.active)
    return verdict(Kind::unavailable, {}, {}, "replication slot " + state.slot + " is in use by process " + std::to_string(slot.active_pid),
                   "luge tries again; if another luge runs, stop it");
  return std::nullopt;
}

std::optional<GapVerdict> check_history(const SessionFacts& facts, const StateRecord& state, const Frontier& destination) {
  const Lsn durable = std::max(destination.checkpoint.end_lsn, state.ack_intent);
  if (facts.server_lsn < state.ack_intent) {
    return verdict(Kind::gap, facts.server_lsn, state.ack_intent,
                   "the server's WAL ends at " + to_string(facts.server_lsn) + ", before " + to_string(state.ack_intent) +
                       ", which luge acknowledged: it was restored from a backup or failed over",
                   kResync);
  }
  if (facts.server_lsn < destination.checkpoint.end_lsn && destination.checkpoint.epoch == state.epoch) {
    return verdict(Kind::gap, facts.server_lsn, destination.checkpoint.end_lsn,
                   "the destination holds changes up to " + to_string(destination.checkpoint.end_lsn) +
                       " that this server never had (its WAL ends at " + to_string(facts.server_lsn) + ")",
                   kResync);
  }
  if (facts.timeline == state.timeline) return std::nullopt;
  const auto left = std::find_if(facts.history.begin(), facts.history.end(), [&](const auto& entry) { return entry.timeline == state.timeline; });
  if (left == facts.history.end()) {
    return verdict(Kind::identity, {}, {},
                   "timeline " + std::to_string(facts.timeline) + " does not descend from timeline " + std::to_string(state.timeline),
                   "connect to the current primary");
  }
  if (durable > left->at) {
    return verdict(Kind::gap, left->at, durable,
                   "the new primary left the old timeline at " + to_string(left->at) + "; the destination holds changes up to " + to_string(durable) +
                       " that it never had",
                   kResync);
  }
  return std::nullopt;
}

std::optional<GapVerdict> check_destination(const StateRecord& state, const Frontier& destination) {
  if (!state.mirror_uuid.empty() && destination.mirror_uuid != state.mirror_uuid) {
    return verdict(Kind::destination, {}, state.checkpoint.end_lsn,
                   destination.mirror_uuid.empty() ? "the mirror that this pipeline filled is gone"
                                                   : "the destination is not the one this pipeline filled (its identity differs)",
                   kResync);
  }
  if (destination.checkpoint.epoch > state.epoch) {
    return verdict(Kind::gap, {}, {}, "luge's state is older than the destination: it was restored from a backup", kResync);
  }
  // A state that was stored before the first commit of an epoch says nothing of what is durable.
  if (!state.checkpoint.commit_lsn.is_zero() && destination.checkpoint < state.checkpoint) {
    return verdict(Kind::destination, destination.checkpoint.end_lsn, state.checkpoint.end_lsn,
                   "the destination stands at " + to_string(destination.checkpoint.end_lsn) + " although " + to_string(state.checkpoint.end_lsn) +
                       " was durable and acknowledged: an older copy was restored, or its log was torn",
                   kResync);
  }
  return std::nullopt;
}

}  // namespace

GapVerdict evaluate_gap(const SessionFacts& facts, const StateRecord& state, const Frontier& destination) {
  if (facts.in_recovery) {
    return verdict(Kind::unavailable, {}, {}, "the server is a standby in recovery", "connect to the primary");
  }
  if (auto found = check_identity(facts, state)) return *found;
  if (auto found = check_destination(state, destination)) return *found;
  if (auto found = check_history(facts, state, destination)) return *found;
  if (auto found = check_slot(facts, state)) return *found;
  return {};
}

GapVerdict publication_lost(const std::string& publication, bool made_again, Lsn from, Lsn to) {
  return verdict(Kind::gap, from, to,
                 "publication " + publication +
                     (made_again ? " was dropped and made again; changes made in between are not decoded"
                                 : " does not exist any more; changes made without it are not decoded"),
                 kResync);
}

GapVerdict another_history(Lsn confirmed_flush, Lsn witness, Lsn seen) {
  return verdict(Kind::gap, confirmed_flush, seen,
                 "the server's history before " + to_string(seen) + " is not the one luge followed (it has no transaction at " + to_string(witness) +
                     " as luge received it): it was set back to an older copy and has written on since",
                 kResync);
}

GapVerdict rewritten_history(Lsn confirmed_flush, Lsn seen, Lsn received) {
  return verdict(Kind::gap, confirmed_flush, received,
                 "the server's history before " + to_string(received) + " is not the one luge followed (it has changes at " + to_string(seen) +
                     ", where there were none): it was set back to an older copy and has written on since",
                 kResync);
}

Frontier frontier_of(const StateRecord& state) {
  Frontier frontier;
  frontier.mirror_uuid = state.mirror_uuid;
  frontier.checkpoint = state.checkpoint;
  frontier.intent = state.ack_intent;
  return frontier;
}

bool is_repairable(const GapVerdict& verdict) { return verdict.kind == Kind::gap || verdict.kind == Kind::destination; }

Error with_tables(Error gap, const std::vector<TableName>& tables) {
  if (gap.code != "gap" || tables.empty()) return gap;
  gap.what += "; affected: ";
  const std::size_t named = std::min(tables.size(), kTablesNamed);
  for (std::size_t i = 0; i < named; ++i) gap.what += (i == 0 ? "" : ", ") + to_string(tables[i]);
  if (tables.size() > named) gap.what += " and " + std::to_string(tables.size() - named) + " more";
  return gap;
}

std::vector<TableName> tables_in_gap(const std::vector<TableRecord>& tables) {
  std::vector<TableName> names;
  for (const TableRecord& table : tables) {
    if (goes_on(table.state)) names.push_back(table.name);
  }
  return names;
}

Error unknown_slot(const std::string& slot) {
  return needs_operator(
      "slot_exists",
      "replication slot " + slot + " exists already, but luge's state knows nothing of it: another luge may be using it, or the state was deleted",
      "choose another --pipeline, point --to and --state at the right place, or remove the slot with: SELECT "
      "pg_drop_replication_slot('" +
          slot + "')");
}

Error to_error(const GapVerdict& verdict, const std::vector<TableName>& tables) {
  if (verdict.kind == Kind::unavailable) return make_error(Recovery::reconnect, "unavailable", verdict.what, verdict.hint);
  std::string what = verdict.what;
  if (verdict.kind != Kind::identity) {
    what += ". Changes " +
            (verdict.from.is_zero() ? "before " + to_string(verdict.to) : "between " + to_string(verdict.from) + " and " + to_string(verdict.to)) +
            " may be missing; the mirror is consistent as of its checkpoint and nothing was changed";
  }
  return with_tables(needs_operator(verdict.kind == Kind::identity ? "identity" : "gap", std::move(what), verdict.hint), tables);
}

}  // namespace luge
