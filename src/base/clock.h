#pragma once
#include <chrono>
#include <compare>
#include <cstdint>

namespace luge {

using Duration = std::chrono::microseconds;

constexpr std::int64_t whole_ms(Duration duration) { return duration.count() / 1000; }
constexpr double in_seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

/// A point on the monotonic clock. Comparable only with instants of the same Clock.
struct Instant {
  std::int64_t micros = 0;
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant a, Duration d) { return {a.micros + d.count()}; }
  friend Duration operator-(Instant a, Instant b) { return Duration(a.micros - b.micros); }
};

/// PostgreSQL's own time: microseconds since 2000-01-01 00:00 UTC.
struct PgTimestamp {
  std::int64_t micros = 0;
  friend auto operator<=>(const PgTimestamp&, const PgTimestamp&) = default;
};

/// The only source of time of the deterministic core; injected, so that the simulator can own it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual PgTimestamp wall_now() const = 0;
};

/// The machine's clocks; for the edges (driver, workers, verbs).
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  PgTimestamp wall_now() const override;
};

}  // namespace luge
