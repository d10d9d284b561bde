#include "service/pipeline_report.h"

#include <algorithm>
#include <unistd.h>

namespace luge {

namespace {

/// Who reads nothing hears nothing of the server.
bool hears_the_server(const DriverStatus& driver) { return driver.server_version != 0 && driver.pipeline.session && !driver.pipeline.paused; }

}  // namespace

bool is_active(const PipelineReport& report) {
  const std::string& state = report.driver.state;
  return state == "connecting" || state == "copying" || state == "live" || state == "draining";
}

bool is_healthy(const PipelineReport& report) { return is_active(report) && report.driver.state != "connecting"; }

std::optional<std::uint64_t> lag_bytes(const PipelineReport& report) {
  if (report.elsewhere) return report.elsewhere->lag_bytes;
  const PipelineStatus& pipeline = report.driver.pipeline;
  if (!hears_the_server(report.driver)) return std::nullopt;
  return pipeline.server > pipeline.durable ? pipeline.server.value - pipeline.durable.value : 0;
}

std::optional<double> lag_seconds(const PipelineReport& report, PgTimestamp now) {
  if (report.elsewhere) return report.elsewhere->lag_seconds;
  if (!hears_the_server(report.driver)) return std::nullopt;
  const auto oldest = report.driver.pipeline.oldest_unfinished_commit;
  return oldest ? std::max(0.0, static_cast<double>(now.micros - oldest->micros) / 1e6) : 0.0;
}

StatusDocument document_of(const PipelineReport& report, PgTimestamp now) {
  StatusDocument document = make_status(report.driver, now, report.health);
  document.pipeline = report.name;
  document.source = report.source;
  document.destination = report.destination;
  document.mode = report.mode;
  document.slot.name = report.slot;
  if (!report.elsewhere) {
    document.pid = ::getpid();
    return document;
  }
  const PipelineReport::Elsewhere& told = *report.elsewhere;
  document.elsewhere = StatusDocument::Elsewhere{told.owner, told.tables, told.quarantined};
  document.lag_bytes = told.lag_bytes;
  document.lag_seconds = told.lag_seconds;
  if (told.lag_bytes) document.server = to_string(report.driver.pipeline.server);
  return document;
}

}  // namespace luge
