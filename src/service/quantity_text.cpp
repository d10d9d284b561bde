#include "service/quantity_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace luge {

namespace {

constexpr std::int64_t kPgEpochUnixSeconds = 946'684'800;

template <class... Arguments>
std::string printed(const char* format, Arguments... arguments) {
  std::array<char, 96> text{};
  const int length = std::snprintf(text.data(), text.size(), format, arguments...);
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 4> kUnits{
      {{1ULL << 40, "TiB"}, {1ULL << 30, "GiB"}, {1ULL << 20, "MiB"}, {1ULL << 10, "KiB"}}};
  for (const auto& [factor, name] : kUnits) {
    if (bytes < factor) continue;
    if (bytes % factor == 0) return std::to_string(bytes / factor) + " " + name;
    return printed("%.1f ", static_cast<double>(bytes) / static_cast<double>(factor)) + name;
  }
  return std::to_string(bytes) + " B";
}

std::string rate_text(double bytes_per_second) {
  const std::string size = bytes_text(static_cast<std::uint64_t>(std::min(std::abs(bytes_per_second), 1e18)));
  return (bytes_per_second <= -1 ? "-" : "") + size + "/s";
}

std::string duration_text(Duration duration) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86'400) {
    const std::string hours = std::to_string(seconds / 3600) + " h";
    return seconds % 3600 < 60 ? hours : hours + " " + std::to_string(seconds % 3600 / 60) + " min";
  }
  const std::string days = std::to_string(seconds / 86'400) + " d";
  return seconds % 86'400 < 3600 ? days : days + " " + std::to_string(seconds % 86'400 / 3600) + " h";
}

std::int64_t unix_seconds(PgTimestamp at) {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::microseconds(at.micros)).count() + kPgEpochUnixSeconds;
}

std::string utc_text(PgTimestamp at) {
  using std::chrono::days;
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds(at))};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::seconds> clock(time - day);
  return printed("%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                 static_cast<int>(clock.seconds().count()));
}

}  // namespace luge
