#include "base/clock.h"

namespace luge {

namespace {
constexpr std::int64_t kPgEpochUnixMicros = 946'684'800'000'000;
}

Instant SystemClock::now() const {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

PgTimestamp SystemClock::wall_now() const {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count() - kPgEpochUnixMicros};
}

}  // namespace luge
