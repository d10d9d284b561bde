#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace luge {

/// How often durations fell into which range, as plain values: from milliseconds to a quarter of an hour. Not thread-safe; copied into status.
class DurationHistogram {
 public:
  /// Ascending; an observation counts for the first bound that it does not exceed, or for "longer than all".
  static constexpr std::array<Duration, 15> kUpperBounds{Duration{5'000},      Duration{10'000},      Duration{25'000},     Duration{50'000},
                                                         Duration{100'000},    Duration{250'000},     Duration{500'000},    Duration{1'000'000},
                                                         Duration{2'500'000},  Duration{5'000'000},   Duration{10'000'000}, Duration{30'000'000},
                                                         Duration{60'000'000}, Duration{300'000'000}, Duration{900'000'000}};

  /// A negative duration (two machines whose clocks disagree) counts as none.
  void observe(Duration duration);

  /// Observations of at most kUpperBounds[bound].
  std::uint64_t at_most(std::size_t bound) const;
  std::uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kUpperBounds.size()> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_{0};
};

}  // namespace luge
