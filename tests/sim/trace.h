#pragma once
#include <cstdio>
#include <string>

#include "base/clock.h"

namespace luge {

/// The readable story of one seed. Costs nothing when it is off: lines are made only when asked for.
class Trace {
 public:
  Trace(bool on, const Instant& now) : on_(on), now_(now) {}

  template <class MakeLine>
  void operator()(MakeLine&& make_line) const {
    if (!on_) return;
    const std::string line = make_line();
    std::printf("%11.6f  %s\n", static_cast<double>(now_.micros) / 1e6, line.c_str());
  }

 private:
  const bool on_;
  const Instant& now_;
};

}  // namespace luge
