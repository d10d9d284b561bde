#include "service/wal/growth_rate.h"

namespace luge {

namespace {
constexpr Duration kKept = std::chrono::minutes(5);
constexpr Duration kRecent = std::chrono::seconds(60);  // of a steady rise only this counts: it may have become steeper
constexpr Duration kTooth = std::chrono::seconds(45);   // longer than any of the saw's
constexpr Duration kLeastSpan = std::chrono::seconds(2);
constexpr std::size_t kLeastReadings = 3;
}  // namespace

void GrowthRate::add(Instant at, std::uint64_t bytes) {
  if (!readings_.empty() && at <= readings_.back().at) return;
  readings_.push_back({at, bytes});
  while (readings_.size() > kLeastReadings && at - readings_.front().at > kKept) readings_.pop_front();
}

std::optional<GrowthRate::Growth> GrowthRate::growth() const {
  if (readings_.size() < kLeastReadings || readings_.back().at - readings_.front().at < kLeastSpan) return std::nullopt;
  const Instant end = readings_.back().at;
  std::size_t rise = readings_.size() - 1;  // where the last rise begins
  while (rise > 0 && readings_[rise - 1].bytes <= readings_[rise].bytes) --rise;
  const bool steady = end - readings_[rise].at >= kTooth;
  if (rise > 0 && !steady) return Growth{slope_from(0), end - readings_.front().at >= 2 * kTooth};
  std::size_t begin = rise;
  while (readings_.size() - begin > kLeastReadings && end - readings_[begin].at > kRecent) ++begin;
  return Growth{slope_from(begin), steady};
}

/// Of the line with the least squares.
double GrowthRate::slope_from(std::size_t begin) const {
  // Relative to the first reading, so that a difference of bytes keeps all its digits.
  const Reading& first = readings_[begin];
  const auto seconds = [&first](const Reading& reading) { return static_cast<double>((reading.at - first.at).count()) / 1e6; };
  const auto bytes = [&first](const Reading& reading) {
    return reading.bytes >= first.bytes ? static_cast<double>(reading.bytes - first.bytes) : -static_cast<double>(first.bytes - reading.bytes);
  };
  double mean_seconds = 0;
  double mean_bytes = 0;
  for (std::size_t i = begin; i < readings_.size(); ++i) {
    mean_seconds += seconds(readings_[i]);
    mean_bytes += bytes(readings_[i]);
  }
  const auto count = static_cast<double>(readings_.size() - begin);
  mean_seconds /= count;
  mean_bytes /= count;
  double together = 0;
  double spread = 0;
  for (std::size_t i = begin; i < readings_.size(); ++i) {
    const double distance = seconds(readings_[i]) - mean_seconds;
    together += distance * (bytes(readings_[i]) - mean_bytes);
    spread += distance * distance;
  }
  return together / spread;
}

}  // namespace luge
