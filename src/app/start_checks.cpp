#include "app/start_checks.h"

#include <filesystem>

#include "app/destination_registry.h"

namespace luge {

namespace {

using Kind = GapVerdict::Kind;

std::optional<GapVerdict> judge(const StartFacts& facts, const StateRecord& state) {
  GapVerdict verdict = evaluate_gap(facts.session, state, facts.remains.gone ? Frontier{} : frontier_of(state));
  if (verdict.kind == Kind::resume || verdict.kind == Kind::unavailable) return std::nullopt;
  return verdict;
}

}  // namespace

Remains look_for_remains(const PipelinePlaces& places) {
  std::error_code ignored;
  switch (places.destination.kind) {
    case DestinationName::Kind::duckdb:
    case DestinationName::Kind::parquet: {
      const bool there = std::filesystem::exists(places.destination.path, ignored);
      return {!there, there};
    }
    case DestinationName::Kind::null: return {false, std::filesystem::exists(null_position_path(places), ignored)};
    // What luge needs to go on with the tables there lies in its state.
    case DestinationName::Kind::snowflake: return {false, false};
  }
  return {};
}

std::optional<GapVerdict> foresee_gap(const StartFacts& facts) {
  if (!facts.before || !facts.after || facts.after->slot_phase != StateRecord::SlotPhase::ready) return std::nullopt;
  // The slot may stand beyond the intent of before, and the server's WAL may have ended before that of afterwards.
  if (!judge(facts, *facts.before)) return std::nullopt;
  return judge(facts, *facts.after);
}

bool finds_unknown_slot(const StartFacts& facts) { return !facts.after && !facts.remains.adoptable && facts.session.slot.exists; }

}  // namespace luge
