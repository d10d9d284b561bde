#pragma once
#include <signal.h>

#include "base/result.h"

namespace luge {

/// While it lives, Ctrl-C, SIGTERM and SIGHUP only ask the demo to end; it cleans up itself. One at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  static constexpr int kSignals[3] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[3]{};
};

/// True once one of them came.
bool interrupted();
Error interruption();

}  // namespace luge
