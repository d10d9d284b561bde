#include <map>
#include <utility>

#include "service/metrics/metrics_page.h"

namespace luge {

void add_alerts(Exposition& page, const AlertReport& report) {
  std::map<std::pair<std::string_view, std::string_view>, double> counts;
  for (const AlertReport::Firing& alert : report.firing) counts[{alert.kind, alert.severity}] += 1;
  for (const auto& [kind, count] : counts) page.add(Metric::alerts, {kind.first, kind.second}, count);
  for (const AlertReport::Receiver& receiver : report.receivers) {
    page.add(Metric::webhook_delivered, {receiver.name}, static_cast<double>(receiver.delivered));
    page.add(Metric::webhook_failures, {receiver.name}, static_cast<double>(receiver.failures));
    page.add(Metric::webhook_waiting, {receiver.name}, static_cast<double>(receiver.waiting));
  }
}

}  // namespace luge
