#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/error.h"

namespace luge {

/// Answers that a missing grant on one table brings as well as a network policy that keeps out everybody.
inline bool may_concern_one_table(const Error& error) { return error.code == "forbidden" || error.code == "refused"; }

/// Whether refusals mean one table alone: only others, who go on being served in between, can tell.
class RefusalCount {
 public:
  static constexpr std::uint32_t kEnough = 5;

  /// `good_calls`: of anybody, so far. True: this table alone is refused, and has been for seconds.
  bool refused(std::uint64_t good_calls, Instant now) {
    if (now < next_) return alone_ >= kEnough;
    if (seen_ && good_calls > *seen_) ++alone_;
    seen_ = good_calls;
    next_ = now + pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
    return alone_ >= kEnough;
  }
  /// The next attempt that tells more. Whatever the breaker says, others need not wait for this table.
  Instant next() const { return next_; }
  void served() { *this = {}; }

 private:
  static constexpr Duration kLongestPause = std::chrono::seconds(5);
  std::optional<std::uint64_t> seen_;
  std::uint32_t alone_ = 0;
  Duration pause_ = std::chrono::milliseconds(100);
  Instant next_{INT64_MIN / 2};
};

}  // namespace luge
