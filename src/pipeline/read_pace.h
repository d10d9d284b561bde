#pragma once
#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace luge {

/// How long the stream is left alone after it was read until nothing more was there. A reader that wakes for every message pays for each, and
/// makes the walsender pay for waking it.
class ReadPace {
 public:
  enum class Found : char { nothing, keepalives, changes };

  /// What was there when the stream was read at `now`.
  void found(Found what, Instant now) {
    if (what == Found::changes || !changes_at_) changes_at_ = now;
    if (what == Found::changes) {
      keepalives_in_a_row_ = 0;
    } else if (what == Found::keepalives) {
      keepalives_in_a_row_ = now - keepalive_at_ < kTalkative + nap() ? keepalives_in_a_row_ + 1 : 1;
      keepalive_at_ = now;
    }
    last_ = what;
    read_at_ = now;
  }

  bool only_keepalives() const { return last_ == Found::keepalives; }

  /// `longest_fill`: how long rows may wait for company by the user's leave. `may_nap`: nobody waits for a keepalive.
  Duration pause(Duration longest_fill, bool may_nap) const {
    if (last_ == Found::changes) return std::min(kGatherTime, longest_fill);
    if (last_ == Found::keepalives && may_nap) return std::min(nap(), longest_fill / 2);
    return Duration{0};
  }

  /// How long what is found at `now` may have lain unread, because of the last pause.
  Duration unread(Instant now, Duration longest_fill) const { return std::min(pause(longest_fill, true), now - read_at_); }

 private:
  /// A pipeline that has rows often is late by a sixteenth of the time between them, at most.
  Duration nap() const {
    if (keepalives_in_a_row_ < kSurelyTalkative) return Duration{0};
    return std::clamp((keepalive_at_ - *changes_at_) / 16, kShortestNap, kLongestNap);
  }

  /// Of a transaction on its way. A millisecond would let the socket's buffer fill, and the walsender wait.
  static constexpr Duration kGatherTime{250};
  /// A walsender that has caught up sends a keepalive whenever somebody flushes WAL (walsender.c, WalSndWaitForWal): a server that is busy with
  /// what this pipeline does not follow would wake it hundreds of times a second, for nothing. One that is not busy flushes every 200 ms, at most.
  static constexpr Duration kTalkative = std::chrono::milliseconds(180);
  static constexpr int kSurelyTalkative = 4;
  static constexpr Duration kShortestNap = std::chrono::milliseconds(20);
  static constexpr Duration kLongestNap = std::chrono::milliseconds(250);

  Found last_ = Found::nothing;
  Instant read_at_;
  std::optional<Instant> changes_at_;  ///< the last ones, or the first look
  Instant keepalive_at_{-kTalkative.count()};
  int keepalives_in_a_row_ = 0;
};

}  // namespace luge
