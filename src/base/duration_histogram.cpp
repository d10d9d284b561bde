#include "base/duration_histogram.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

void DurationHistogram::observe(Duration duration) {
  duration = std::max(duration, Duration{0});
  const auto bound = std::ranges::lower_bound(kUpperBounds, duration);
  if (bound != kUpperBounds.end()) ++counts_[static_cast<std::size_t>(bound - kUpperBounds.begin())];
  ++count_;
  sum_ += duration;
}

std::uint64_t DurationHistogram::at_most(std::size_t bound) const {
  ENSURE(bound < counts_.size(), "a histogram has no such bound");
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bound; ++i) total += counts_[i];
  return total;
}

}  // namespace luge
