#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "service/pipeline_report.h"

namespace luge {

/// The last half hour of each pipeline, for charts and for the rate of rows. Thread-safe.
class PipelineHistory {
 public:
  struct Sample {
    Instant at;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> lag_bytes;
    std::optional<double> lag_seconds;
  };
  /// Between two samples: what a chart shows.
  struct Point {
    double seconds_ago = 0;
    double rows_per_second = 0;
    double bytes_per_second = 0;
    std::optional<double> lag_bytes;
    std::optional<double> lag_seconds;
  };
  static constexpr Duration kInterval = std::chrono::seconds(5);
  static constexpr std::size_t kSamples = 360;

  /// One sample of each; what is not among them any more is forgotten.
  void record(const std::vector<PipelineReport>& reports, Instant at, PgTimestamp now);

  /// Over the last three intervals; 0 while less is known.
  double rows_per_second(const std::string& pipeline) const;
  /// Oldest first.
  std::vector<Point> points(const std::string& pipeline, Instant now) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Sample>> samples_;
};

}  // namespace luge
