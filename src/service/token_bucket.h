#pragma once
#include <optional>

#include "base/clock.h"

namespace luge {

/// So many at once, and so many per second in the long run. Pure: the caller owns clock and lock.
class TokenBucket {
 public:
  struct Options {
    double per_second = 1;
    double burst = 1;  ///< at once, after a rest
  };

  explicit TokenBucket(Options options);  ///< begins full

  bool try_take(Instant now);
  /// How long until try_take says true; zero: it does now.
  Duration wait(Instant now) const;

 private:
  double tokens_at(Instant now) const;

  Options options_;
  double tokens_;
  std::optional<Instant> filled_at_;
};

}  // namespace luge
