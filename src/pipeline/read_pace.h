#pragma once
#include <algorithm>

#include "base/clock.h"

namespace luge {

/// How long the stream is left alone after it was read until nothing more was there. A reader that wakes for every message pays for each, and
/// makes the walsender pay for waking it.
class ReadPace {
 public:
  enum class Found : char { nothing, keepalives, changes };

  /// What was there when the stream was read at `now`.
  void found(Found what, Instant now) {
    last_ = what;
    if (what == Found::changes) keepalives_in_a_row_ = 0;
    if (what != Found::keepalives) return;
    keepalives_in_a_row_ = now - keepalive_at_ < kTalkative ? keepalives_in_a_row_ + 1 : 1;
    keepalive_at_ = now;
  }

  bool only_keepalives() const { return last_ == Found::keepalives; }

  /// `longest_fill`: how long rows may wait for company by the user's leave. `may_nap`: nobody waits for a keepalive.
  Duration pause(Duration longest_fill, bool may_nap) const {
    if (last_ == Found::changes) return std::min(kGatherTime, longest_fill);
    if (last_ == Found::keepalives && keepalives_in_a_row_ >= kSurelyTalkative && may_nap) return std::min(kLongestNap, longest_fill / 10);
    return Duration{0};
  }

 private:
  /// Of a transaction on its way. A millisecond would let the socket's buffer fill, and the walsender wait.
  static constexpr Duration kGatherTime{250};
  /// A walsender that has caught up sends a keepalive whenever somebody flushes WAL (walsender.c, WalSndWaitForWal): a server that is busy with
  /// what this pipeline does not follow would wake it hundreds of times a second, for nothing.
  static constexpr Duration kTalkative = std::chrono::milliseconds(100);
  static constexpr int kSurelyTalkative = 4;
  static constexpr Duration kLongestNap = std::chrono::milliseconds(50);

  Found last_ = Found::nothing;
  Instant keepalive_at_{-kTalkative.count()};
  int keepalives_in_a_row_ = 0;
};

}  // namespace luge
