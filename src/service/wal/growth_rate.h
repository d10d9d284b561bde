#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"

namespace luge {

/// How fast a number of bytes grows. What a slot retains is a saw even when its reader keeps up: it moves on every 15 seconds at most, with the
/// server's standby snapshots. So a rise counts as growth only once it is longer than a tooth; before, the line through minutes of readings does.
class GrowthRate {
 public:
  struct Growth {
    double per_second = 0;  ///< bytes; negative: it shrinks
    bool settled = false;   ///< watched for long enough to act upon
  };

  void add(Instant at, std::uint64_t bytes);
  void clear() { readings_.clear(); }
  /// None: too few readings yet.
  std::optional<Growth> growth() const;

 private:
  struct Reading {
    Instant at;
    std::uint64_t bytes;
  };
  double slope_from(std::size_t begin) const;
  std::deque<Reading> readings_;
};

}  // namespace luge
