#pragma once
#include "model/position.h"

namespace luge {

/// A stored ack_intent. Positions of two epochs cannot be compared, so it says nothing about any other epoch than its own.
struct Intent {
  Epoch epoch = 0;
  Lsn lsn;

  /// Zero in any other epoch.
  Lsn within(Epoch wanted) const { return epoch == wanted ? lsn : Lsn{}; }
  friend auto operator<=>(const Intent&, const Intent&) = default;
};

}  // namespace luge
