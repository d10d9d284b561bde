#pragma once
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace luge {

/// Exponential backoff with full jitter. Pure: the caller owns clock and sleep.
class RetryPolicy {
 public:
  struct Options {
    Duration first_delay = std::chrono::milliseconds(200);
    Duration max_delay = std::chrono::seconds(60);
    Duration healthy_after = std::chrono::minutes(5);  ///< this long without an error resets the attempts
  };

  RetryPolicy() = default;
  explicit RetryPolicy(Options options) : options_(options) {}

  /// Delay before the next attempt: uniform in (0, min(max_delay, first_delay * 2^attempt)].
  Duration next_delay(Instant now, Random& random);
  void succeeded() { attempt_ = 0; }
  std::uint32_t attempt() const { return attempt_; }

 private:
  Options options_;
  std::uint32_t attempt_ = 0;
  Instant last_failure_{INT64_MIN / 2};
};

}  // namespace luge
