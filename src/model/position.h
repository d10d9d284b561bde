#pragma once
#include <compare>
#include <cstdint>

#include "model/lsn.h"

namespace luge {

/// Counts up when positions of the past stop being comparable: slot recreated, restore, forced adoption.
using Epoch = std::uint32_t;

/// Total order of all changes of one source. commit_lsn is Begin.final_lsn (start of the commit record);
/// ordinal numbers the surviving DML and TRUNCATE of the transaction from 0, the same at every delivery.
struct Position {
  Epoch epoch = 0;
  Lsn commit_lsn;
  std::uint64_t ordinal = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// 32-bit transaction id as the stream carries it (top-level).
using Xid32 = std::uint32_t;
/// 64-bit transaction id (epoch-widened), comparable for ever.
using Xid = std::uint64_t;

/// Widens a 32-bit xid to the 64-bit one nearest to `reference`.
Xid widen_xid(Xid32 xid, Xid reference);

}  // namespace luge
