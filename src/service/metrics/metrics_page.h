#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "service/alert_report.h"
#include "service/metrics/exposition.h"
#include "service/pipeline_report.h"
#include "service/source_report.h"

namespace luge {

void add_pipeline(Exposition& page, const PipelineReport& report, double rows_per_second, PgTimestamp now);
void add_source(Exposition& page, const SourceReport& report);
void add_alerts(Exposition& page, const AlertReport& report);
void add_process(Exposition& page, std::string_view version);

/// What GET /metrics answers. `rows_per_second` of a pipeline, by name.
std::string metrics_page(const std::vector<PipelineReport>& pipelines, const std::vector<SourceReport>& sources, const AlertReport& alerts,
                         const std::function<double(const std::string&)>& rows_per_second, std::string_view version, PgTimestamp now);

}  // namespace luge
