#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/clock.h"
#include "base/random.h"

namespace luge {

/// Seeded choices. Each actor of a simulated world holds its own, so that one actor's extra throw does not change the others' fate.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  /// An independent one for another actor.
  Dice fork() { return Dice(random_.next()); }

  bool percent(unsigned chance) { return random_.below(100) < chance; }
  /// Both ends included.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + random_.below(most - least + 1); }
  int between_int(int least, int most) { return least + static_cast<int>(random_.below(static_cast<std::uint64_t>(most - least + 1))); }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  Duration micros(std::uint64_t least, std::uint64_t most) { return Duration(static_cast<std::int64_t>(between(least, most))); }
  Duration millis(std::uint64_t least, std::uint64_t most) { return micros(least * 1000, most * 1000); }
  template <class Container>
  auto& pick(Container& container) {
    return container[below(std::size(container))];
  }

 private:
  SeededRandom random_;
};

}  // namespace luge
