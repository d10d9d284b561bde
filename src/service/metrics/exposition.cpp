#include "service/metrics/exposition.h"

#include <algorithm>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <utility>
#include <vector>

#include "base/ensure.h"
#include "model/utf8.h"

namespace luge {

namespace {

prometheus::MetricType type_of(MetricType type) {
  switch (type) {
    case MetricType::gauge: return prometheus::MetricType::Gauge;
    case MetricType::counter: return prometheus::MetricType::Counter;
    case MetricType::histogram: return prometheus::MetricType::Histogram;
  }
  ENSURE(false, "a type of metric that does not exist");
}

std::vector<std::string> names_of(std::string_view labels) {
  std::vector<std::string> names;
  while (!labels.empty()) {
    const std::size_t comma = labels.find(',');
    names.emplace_back(labels.substr(0, comma));
    labels = comma == std::string_view::npos ? "" : labels.substr(comma + 1);
  }
  return names;
}

/// One name that is no UTF-8 (of a database with another encoding), or one with a line end, would make Prometheus refuse the whole page.
std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  const bool ascii_only = !is_utf8(text);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && (byte < 0x80 || !ascii_only)) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

}  // namespace

class Exposition::Impl {
 public:
  Impl() {
    for (const MetricSpec& spec : metric_table()) {
      families_.push_back({std::string(spec.name), std::string(spec.help), type_of(spec.type), {}});
      labels_.push_back(names_of(spec.labels));
    }
  }

  prometheus::ClientMetric& sample(Metric metric, std::initializer_list<std::string_view> values) {
    const auto index = static_cast<std::size_t>(metric);
    ENSURE(labels_[index].size() == values.size(), "a sample with other labels than its metric");
    prometheus::ClientMetric& made = families_[index].metric.emplace_back();
    made.label.reserve(values.size());
    auto name = labels_[index].begin();
    for (const std::string_view value : values) made.label.push_back({*name++, printable(value)});
    return made;
  }

  std::string text() {
    std::ostringstream out;
    const prometheus::TextSerializer serializer;
    for (prometheus::MetricFamily& family : families_) {
      if (family.metric.empty()) continue;
      std::vector<prometheus::MetricFamily> one(1);  // each is let go as soon as it is written: samples take more room than their text
      std::swap(one.front(), family);
      serializer.Serialize(out, one);
    }
    return std::move(out).str();
  }

 private:
  std::vector<prometheus::MetricFamily> families_;  ///< in the order of the table
  std::vector<std::vector<std::string>> labels_;
};

Exposition::Exposition() : impl_(std::make_unique<Impl>()) {}
Exposition::~Exposition() = default;
Exposition::Exposition(Exposition&&) noexcept = default;
Exposition& Exposition::operator=(Exposition&&) noexcept = default;

void Exposition::add(Metric metric, std::initializer_list<std::string_view> label_values, double value) {
  prometheus::ClientMetric& sample = impl_->sample(metric, label_values);
  switch (spec_of(metric).type) {
    case MetricType::gauge: sample.gauge.value = value; return;
    case MetricType::counter: sample.counter.value = value; return;
    case MetricType::histogram: ENSURE(false, "a histogram is no single value");
  }
}

void Exposition::add(Metric metric, std::initializer_list<std::string_view> label_values, const DurationHistogram& histogram) {
  ENSURE(spec_of(metric).type == MetricType::histogram, "a histogram for a metric that is none");
  prometheus::ClientMetric::Histogram& sample = impl_->sample(metric, label_values).histogram;
  sample.sample_count = histogram.count();
  sample.sample_sum = in_seconds(histogram.sum());
  for (std::size_t i = 0; i < DurationHistogram::kUpperBounds.size(); ++i) {
    sample.bucket.push_back({histogram.at_most(i), in_seconds(DurationHistogram::kUpperBounds[i])});
  }
}

std::string Exposition::text() && { return impl_->text(); }

}  // namespace luge
