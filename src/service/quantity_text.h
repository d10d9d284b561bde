#pragma once
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace luge {

/// "16 MiB", "1.5 GiB".
std::string bytes_text(std::uint64_t bytes);
/// "1.5 MiB/s"; a negative rate is "-1.5 MiB/s".
std::string rate_text(double bytes_per_second);
/// "45 s", "12 min", "3 h 10 min", "5 d 2 h": what matters of it.
std::string duration_text(Duration duration);
/// "2026-11-29T19:05:15Z".
std::string utc_text(PgTimestamp at);

/// Seconds since 1970, as other systems count.
std::int64_t unix_seconds(PgTimestamp at);

}  // namespace luge
