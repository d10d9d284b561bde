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
void append_printable(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::all_of(text.begin(), text.end(), plain)) {
    out += text;
    return;
  }
  const bool ascii_only = !is_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && (byte < 0x80 || !ascii_only)) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
}

/// What printable text never holds.
constexpr char kEnd = '\0';

}  // namespace

/// The library's samples take ten times the room of what they say, with 10,000 tables more than a page's memory is worth: they are made of one
/// metric at a time, when it is written.
class Exposition::Impl {
 public:
  void add(Metric metric, std::initializer_list<std::string_view> values, double value) { sample(metric, values).value = value; }

  void add(Metric metric, std::initializer_list<std::string_view> values, const DurationHistogram& histogram) {
    sample(metric, values).histogram = histograms_.size();
    histograms_.push_back(histogram);
  }

  std::string text() const {
    std::ostringstream out;
    const prometheus::TextSerializer serializer;
    std::vector<prometheus::MetricFamily> one(1);
    for (std::size_t at = 0; at < samples_.size(); ++at) {
      if (samples_[at].empty()) continue;
      fill(one.front(), metric_table()[at], samples_[at]);
      serializer.Serialize(out, one);
    }
    return std::move(out).str();
  }

 private:
  struct Sample {
    std::size_t labels = 0;  ///< where their values begin in labels_
    double value = 0;
    std::size_t histogram = 0;  ///< of a metric that is one: its number in histograms_
  };

  Sample& sample(Metric metric, std::initializer_list<std::string_view> values) {
    ENSURE(label_counts_[static_cast<std::size_t>(metric)] == values.size(), "a sample with other labels than its metric");
    Sample& made = samples_[static_cast<std::size_t>(metric)].emplace_back();
    made.labels = labels_.size();
    for (const std::string_view value : values) {
      append_printable(labels_, value);
      labels_ += kEnd;
    }
    return made;
  }

  void fill(prometheus::MetricFamily& family, const MetricSpec& spec, const std::vector<Sample>& samples) const {
    family.name = spec.name;
    family.help = spec.help;
    family.type = type_of(spec.type);
    family.metric.resize(samples.size());
    const std::vector<std::string> names = names_of(spec.labels);
    auto made = family.metric.begin();
    for (const Sample& sample : samples) {
      made->label.resize(names.size());
      const char* value = labels_.data() + sample.labels;
      for (std::size_t i = 0; i < names.size(); ++i) {
        made->label[i].name = names[i];
        made->label[i].value = value;
        value += made->label[i].value.size() + 1;
      }
      switch (spec.type) {
        case MetricType::gauge: made->gauge.value = sample.value; break;
        case MetricType::counter: made->counter.value = sample.value; break;
        case MetricType::histogram: made->histogram = histogram_of(histograms_[sample.histogram]); break;
      }
      ++made;
    }
  }

  static prometheus::ClientMetric::Histogram histogram_of(const DurationHistogram& from) {
    prometheus::ClientMetric::Histogram made;
    made.sample_count = from.count();
    made.sample_sum = in_seconds(from.sum());
    for (std::size_t i = 0; i < DurationHistogram::kUpperBounds.size(); ++i) {
      made.bucket.push_back({from.at_most(i), in_seconds(DurationHistogram::kUpperBounds[i])});
    }
    return made;
  }

  static std::vector<std::size_t> count_labels() {
    std::vector<std::size_t> counts;
    for (const MetricSpec& spec : metric_table()) counts.push_back(names_of(spec.labels).size());
    return counts;
  }

  const std::vector<std::size_t> label_counts_ = count_labels();                                 ///< of each metric
  std::vector<std::vector<Sample>> samples_ = std::vector<std::vector<Sample>>(label_counts_.size());  ///< of each metric, in the order of the table
  std::string labels_;  ///< their values, each ended by kEnd
  std::vector<DurationHistogram> histograms_;
};

Exposition::Exposition() : impl_(std::make_unique<Impl>()) {}
Exposition::~Exposition() = default;
Exposition::Exposition(Exposition&&) noexcept = default;
Exposition& Exposition::operator=(Exposition&&) noexcept = default;

void Exposition::add(Metric metric, std::initializer_list<std::string_view> label_values, double value) {
  ENSURE(spec_of(metric).type != MetricType::histogram, "a histogram is no single value");
  impl_->add(metric, label_values, value);
}

void Exposition::add(Metric metric, std::initializer_list<std::string_view> label_values, const DurationHistogram& histogram) {
  ENSURE(spec_of(metric).type == MetricType::histogram, "a histogram for a metric that is none");
  impl_->add(metric, label_values, histogram);
}

std::string Exposition::text() && { return impl_->text(); }

}  // namespace luge
