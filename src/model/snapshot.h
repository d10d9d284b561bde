#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/position.h"

namespace luge {

/// pg_current_snapshot(): which top-level transactions a reader sees. Text form "xmin:xmax:xip,xip", and "@2" behind it for timeline 2.
struct Snapshot {
  Xid xmin = 0;             ///< every xid below is visible or aborted
  Xid xmax = 0;             ///< every xid at or above is invisible
  std::vector<Xid> in_progress;  ///< sorted; those between that are invisible
  /// Of the server that it was taken on; 0: not known. Xids of two timelines name different transactions.
  std::uint32_t timeline = 0;

  /// True if the effects of committed transaction `xid` are visible.
  bool visible(Xid xid) const;

  static std::optional<Snapshot> parse(std::string_view text);
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

std::string to_string(const Snapshot& snapshot);

/// Algorithm E, steps 1 and 7: no transaction below `horizon` runs any more, as `now` sees it.
bool old_transactions_gone(const Snapshot& now, Xid horizon);

}  // namespace luge
