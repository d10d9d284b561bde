#pragma once
#include <optional>

#include "app/pipeline_places.h"
#include "pipeline/rule_g.h"
#include "source/session_facts.h"
#include "state/state_store.h"

namespace luge {

/// What a destination may hold of an earlier run, found out without opening it.
struct Remains {
  bool gone = false;      ///< surely nothing
  bool adoptable = true;  ///< perhaps enough to go on from if the state is lost
};
Remains look_for_remains(const PipelinePlaces& places);

/// What can be known of a start before anything is opened or created.
struct StartFacts {
  SessionFacts session;
  std::optional<StateRecord> before;  ///< as it was before `session` was read
  std::optional<StateRecord> after;   ///< and afterwards: a luge that runs goes on acknowledging meanwhile
  Remains remains;
};

/// What the gap test will say at the start. Pure. Nothing where the destination alone can tell, or where there is nothing to compare yet.
std::optional<GapVerdict> foresee_gap(const StartFacts& facts);

/// `run` would begin anew, but the slot is there already: somebody else's, or of a luge whose state and mirror are elsewhere. Pure.
bool finds_unknown_slot(const StartFacts& facts);

}  // namespace luge
