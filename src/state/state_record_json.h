#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "state/state_store.h"

namespace luge {

/// A StateRecord as one JSON object: readable by people, the same in every store. Unknown members are ignored, missing ones keep
/// their default, so an older luge reads what a newer one wrote and the other way round.
std::string encode_state_record(const StateRecord& record);
/// Error "state_corrupt" for anything that is not such an object.
Result<StateRecord> decode_state_record(std::string_view json);

/// Refuses with "regress" when `next` would take `previous` back (correctness.md I1 and I2): the rule every store enforces.
Status refuse_regress(const StateRecord& previous, const StateRecord& next);

}  // namespace luge
