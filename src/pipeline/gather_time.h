#pragma once
#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace luge {

/// How long nobody looks for more once nothing is left to read: a reader that wakes for every message makes itself and the walsender pay for the
/// wake-ups. A socket's buffer holds some 200 messages, whatever their size, and a walsender that has the machine to itself fills it in a
/// millisecond, so it must be short then; one that shares it with fifty others sends a few messages in that time.
class GatherTime {
 public:
  /// For the next wait, from how much has come in all.
  Duration next(std::uint64_t bytes_received) {
    const std::uint64_t fresh = bytes_received < seen_ ? bytes_received : bytes_received - seen_;  // less: another session
    seen_ = bytes_received;
    if (fresh > 0 && fresh < kFewBytes) time_ = std::min(kLongest, time_ * 2);
    if (fresh > kManyBytes) time_ = std::max(kShortest, time_ / 2);
    return time_;
  }

  static constexpr Duration kShortest{250};
  static constexpr Duration kLongest{4000};

 private:
  static constexpr std::uint64_t kFewBytes = 4 << 10;    // about 40 messages
  static constexpr std::uint64_t kManyBytes = 10 << 10;  // about 100
  Duration time_ = kShortest;
  std::uint64_t seen_ = 0;
};

}  // namespace luge
