#include "app/demo/interruption.h"

#include <atomic>
#include <cstddef>

namespace luge {

namespace {

std::atomic<bool> came{false};
void on_interrupt(int /*number*/) { came = true; }

}  // namespace

InterruptScope::InterruptScope() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

InterruptScope::~InterruptScope() {
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

bool interrupted() { return came; }

Error interruption() { return fatal("interrupted", "the demo was interrupted; everything it made is removed"); }

}  // namespace luge
