#pragma once
#include <optional>

#include "base/error.h"
#include "model/frontier.h"
#include "pipeline/rule_g.h"
#include "source/session_facts.h"
#include "state/state_store.h"

namespace luge {

/// What an opening is decided from: all that state, destination and source say, read before anything is changed.
struct OpeningFacts {
  std::optional<StateRecord> known;  ///< null: the first start, or the state is lost
  Frontier frontier;                 ///< of Destination::open
  SessionFacts source;
  StateRecord ours;                  ///< only what this run calls things: slot, publication, destination, source, options
  bool repair_gaps = false;          ///< on_gap: resync
  bool begin_again = false;          ///< the stream showed a gap that no fact of the connection tells
};

/// What is done about it. The order that keeps a crash at any point harmless: tell the destination of an epoch that begins, store `record`;
/// for a new slot, drop_slot, make publication and slot, store record_of_new_slot().
struct OpeningPlan {
  enum class Kind : char {
    refuse,    ///< nothing may be changed: `refusal`
    resume,    ///< the slot goes on
    new_slot,  ///< the first start, one that was not finished, or a gap that is repaired by choice
  };
  Kind kind = Kind::refuse;
  std::optional<Error> refusal{};
  StateRecord record{};
  Frontier frontier{};       ///< what the pipeline starts from
  bool drop_slot = false;    ///< new_slot: what may be there under its name is ours, and useless
  bool resync_all = false;   ///< every table is copied again
  bool adopted = false;      ///< the state is lost, and the destination vouches for everything before the slot's position
  /// new_slot: what the destination holds is of an earlier epoch, and it must know that, should the state be lost before its first commit.
  bool begins_epoch() const { return kind == Kind::new_slot && resync_all && record.epoch > frontier.checkpoint.epoch; }
  std::optional<GapVerdict> verdict{};  ///< of rule G; null where there was nothing to judge
};

/// First start, resumption, adoption after a lost state store, repair of a gap by choice. Pure: the driver and the simulator do what it says.
OpeningPlan plan_opening(OpeningFacts facts);

/// The record once its slot is there, with the server's facts as of then.
StateRecord record_of_new_slot(StateRecord record, const SessionFacts& source, const Frontier& frontier, Lsn consistent_point);

}  // namespace luge
