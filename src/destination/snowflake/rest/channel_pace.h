#pragma once
#include <algorithm>
#include <cstddef>

#include "base/clock.h"

namespace luge {

/// Keeps a channel within Snowflake's limits, 10 requests and 20 MB of rows before compression a second (snowflake.md §1.10): a bucket that
/// holds one request, so that no second has more than its share.
class ChannelPace {
 public:
  static constexpr Duration kRequestInterval = std::chrono::milliseconds(100);
  static constexpr std::int64_t kBytesASecond = 20'000'000;

  /// How long to wait before the next request; 0: it may go.
  Duration wait(Instant now) const { return std::max(Duration(0), free_at_ - now); }

  void sent(Instant now, std::size_t plain_bytes) {
    const Duration for_bytes(static_cast<std::int64_t>(plain_bytes) * 1'000'000 / kBytesASecond);
    free_at_ = std::max(free_at_, now) + std::max(kRequestInterval, for_bytes);
  }

  void hold_until(Instant instant) { free_at_ = std::max(free_at_, instant); }

 private:
  Instant free_at_{INT64_MIN / 2};
};

}  // namespace luge
