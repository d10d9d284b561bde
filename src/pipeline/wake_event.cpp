#include "pipeline/wake_event.h"

#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ensure.h"

namespace luge {

WakeEvent::WakeEvent() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { ENSURE(fd_ >= 0, "the kernel refuses an eventfd"); }
WakeEvent::~WakeEvent() { close(fd_); }

void WakeEvent::notify() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);  // full means: already notified
}

void WakeEvent::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = read(fd_, &count, sizeof count);
}

}  // namespace luge
