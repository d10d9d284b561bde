#include "base/retry_policy.h"

#include <algorithm>

namespace luge {

Duration RetryPolicy::next_delay(Instant now, Random& random) {
  if (now - last_failure_ > options_.healthy_after) attempt_ = 0;
  last_failure_ = now;
  const std::int64_t first = options_.first_delay.count();
  const std::int64_t limit = options_.max_delay.count();
  const std::uint32_t shift = std::min(attempt_, 30U);
  const std::int64_t ceiling = std::min(limit, first > (limit >> shift) ? limit : first << shift);
  ++attempt_;
  return Duration(1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(std::max<std::int64_t>(ceiling, 1)))));
}

}  // namespace luge
