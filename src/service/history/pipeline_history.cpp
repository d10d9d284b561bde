#include "service/history/pipeline_history.h"

#include <algorithm>

namespace luge {

namespace {

constexpr std::size_t kRateIntervals = 3;

/// A counter that fell has begun again at 0.
double rate(std::uint64_t before, std::uint64_t after, Duration between) {
  if (between.count() <= 0) return 0;
  const std::uint64_t grown = after >= before ? after - before : after;
  return static_cast<double>(grown) * 1e6 / static_cast<double>(between.count());
}

}  // namespace

void PipelineHistory::record(const std::vector<PipelineReport>& reports, Instant at, PgTimestamp now) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::deque<Sample>> kept;
  for (const PipelineReport& report : reports) {
    std::deque<Sample>& samples = kept[report.name];
    if (const auto known = samples_.find(report.name); known != samples_.end()) samples = std::move(known->second);
    const PipelineStatus& status = report.driver.pipeline;
    samples.push_back({at, status.rows, status.bytes, lag_bytes(report), lag_seconds(report, now)});
    if (samples.size() > kSamples) samples.pop_front();
  }
  samples_ = std::move(kept);
}

double PipelineHistory::rows_per_second(const std::string& pipeline) const {
  const std::lock_guard lock(mutex_);
  const auto found = samples_.find(pipeline);
  if (found == samples_.end() || found->second.size() < 2) return 0;
  const std::deque<Sample>& samples = found->second;
  const Sample& first = samples[samples.size() - 1 - std::min(kRateIntervals, samples.size() - 1)];
  return rate(first.rows, samples.back().rows, samples.back().at - first.at);
}

std::vector<PipelineHistory::Point> PipelineHistory::points(const std::string& pipeline, Instant now) const {
  const std::lock_guard lock(mutex_);
  std::vector<Point> points;
  const auto found = samples_.find(pipeline);
  if (found == samples_.end()) return points;
  const std::deque<Sample>& samples = found->second;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const Sample& before = samples[i - 1];
    const Sample& sample = samples[i];
    Point point;
    point.seconds_ago = static_cast<double>((now - sample.at).count()) / 1e6;
    point.rows_per_second = rate(before.rows, sample.rows, sample.at - before.at);
    point.bytes_per_second = rate(before.bytes, sample.bytes, sample.at - before.at);
    if (sample.lag_bytes) point.lag_bytes = static_cast<double>(*sample.lag_bytes);
    point.lag_seconds = sample.lag_seconds;
    points.push_back(point);
  }
  return points;
}

}  // namespace luge
