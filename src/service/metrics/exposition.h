#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/duration_histogram.h"
#include "service/metrics/metric_table.h"

namespace luge {

/// Gathers samples and writes them as one page of Prometheus' text format.
class Exposition {
 public:
  Exposition();
  ~Exposition();
  Exposition(Exposition&&) noexcept;
  Exposition& operator=(Exposition&&) noexcept;

  /// One sample; as many values as the metric has labels, in their order.
  void add(Metric metric, std::initializer_list<std::string_view> label_values, double value);
  void add(Metric metric, std::initializer_list<std::string_view> label_values, const DurationHistogram& histogram);

  /// Metrics without a sample are left out. Once.
  std::string text() &&;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
