#include "service/metrics/metrics_page.h"

#include <utility>

namespace luge {

std::string metrics_page(const std::vector<PipelineReport>& pipelines, const std::vector<SourceReport>& sources, const AlertReport& alerts,
                         const std::function<double(const std::string&)>& rows_per_second, std::string_view version, PgTimestamp now) {
  Exposition page;
  for (const PipelineReport& pipeline : pipelines) add_pipeline(page, pipeline, rows_per_second(pipeline.name), now);
  for (const SourceReport& source : sources) add_source(page, source);
  add_alerts(page, alerts);
  add_process(page, version);
  return std::move(page).text();
}

}  // namespace luge
