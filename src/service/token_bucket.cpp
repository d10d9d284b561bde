#include "service/token_bucket.h"

#include <algorithm>
#include <cmath>

#include "base/ensure.h"

namespace luge {

namespace {
constexpr double kWhole = 1 - 1e-6;  // rounding must not cost a caller that waited as long as it was told
}

TokenBucket::TokenBucket(Options options) : options_(options), tokens_(options.burst) {
  ENSURE(options.per_second > 0 && options.burst >= 1, "a bucket that never gives");
}

double TokenBucket::tokens_at(Instant now) const {
  if (!filled_at_ || now <= *filled_at_) return tokens_;
  const double seconds = static_cast<double>((now - *filled_at_).count()) / 1e6;
  return std::min(options_.burst, tokens_ + seconds * options_.per_second);
}

bool TokenBucket::try_take(Instant now) {
  tokens_ = tokens_at(now);
  if (!filled_at_ || now > *filled_at_) filled_at_ = now;
  if (tokens_ < kWhole) return false;
  tokens_ = std::max(0.0, tokens_ - 1);
  return true;
}

Duration TokenBucket::wait(Instant now) const {
  const double tokens = tokens_at(now);
  if (tokens >= kWhole) return Duration(0);
  return Duration(static_cast<std::int64_t>(std::ceil((1 - tokens) / options_.per_second * 1e6 - 1e-6)));
}

}  // namespace luge
