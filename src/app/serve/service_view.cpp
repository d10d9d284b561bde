#include "app/serve/service_view.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "app/catalog_checks.h"
#include "app/control_service.h"
#include "source/slot.h"

namespace luge {

namespace {

std::string name_of(WalStatus status) {
  switch (status) {
    case WalStatus::reserved: return "reserved";
    case WalStatus::extended: return "extended";
    case WalStatus::unreserved: return "unreserved";
    case WalStatus::lost: return "lost";
    case WalStatus::unknown: break;
  }
  return "";
}

/// As of a pipeline that runs. Where a secret is kept is nobody's business either.
std::string shown_source(const std::string& conninfo) {
  const auto connection = ConnectionOptions::parse(conninfo, "serve");
  return connection ? connection->redacted() : "";
}

/// Positions and lag that such a state goes with are of the moment when the pipeline ended.
bool rests(const std::string& state) { return state == "stopped" || state == "failed" || state == "waiting" || state == "invalid"; }

/// By its rows, of a pipeline that does not run here.
PipelineReport report_of(const StatusRow& row, const CatalogContents& known) {
  PipelineReport report;
  report.name = row.pipeline;
  report.slot = default_slot_name(row.pipeline);
  report.restarts = row.restarts;
  if (const auto pipeline = known.pipelines.find(row.pipeline); pipeline != known.pipelines.end()) {
    report.mode = pipeline->second.mode;
    const auto wanted = wants_start(pipeline->second);
    report.wanted = !wanted || *wanted;
    if (const auto source = known.sources.find(pipeline->second.source); source != known.sources.end())
      report.source = shown_source(source->second.conninfo);
    if (const auto destination = known.destinations.find(pipeline->second.destination); destination != known.destinations.end())
      report.destination = destination->second.address;
  }
  DriverStatus& driver = report.driver;
  driver.state = row.state;
  driver.pipeline.server = row.server;
  driver.pipeline.received = row.received;
  driver.pipeline.durable = row.durable;
  driver.pipeline.acknowledged = row.acknowledged;
  driver.pipeline.paused = row.state == "paused";
  if (!row.error.empty()) driver.error = make_error(Recovery::stop_pipeline, row.error_code, row.error, row.hint);
  return report;
}

/// What is wrong with the rows of a pipeline is no mistake of the request, whichever row it names.
Error not_to_start(Error error) {
  error.exit_code = ExitCode::usage;
  if (error.code == "usage" || error.code.starts_with("unknown_")) error.code = "bad_row";
  return error;
}

std::optional<double> seconds_of(const std::optional<Duration>& duration) {
  if (!duration) return std::nullopt;
  return static_cast<double>(duration->count()) / 1e6;
}

}  // namespace

SourceReport source_report(const WalReport& report) {
  SourceReport source;
  source.name = report.source;
  source.readings = report.readings;
  source.failed_readings = report.failures;
  if (!report.verdict) {
    if (report.error) source.reason = report.error->what;
    return source;
  }
  const WalVerdict& verdict = *report.verdict;
  source.level = verdict.level == WalLevel::danger    ? SourceReport::Level::danger
                 : verdict.level == WalLevel::warning ? SourceReport::Level::warning
                                                      : SourceReport::Level::ok;
  if (!verdict.reasons.empty()) source.reason = verdict.reasons.front();
  if (report.error) {  // what follows is of the last good reading
    if (source.level == SourceReport::Level::ok) source.level = SourceReport::Level::unknown;
    source.reason = "it cannot be read since: " + report.error->what + (source.reason.empty() ? "" : "; before: " + source.reason);
  }
  for (const WalAction action : verdict.actions) {
    if (action != WalAction::alert) source.actions.emplace_back(to_string(action));
  }
  source.wal_bytes = verdict.wal_bytes;
  source.wal_bytes_per_second = verdict.written_per_second;
  source.seconds_left = seconds_of(verdict.time_left);
  source.pinned_by = verdict.pinned_by;
  for (const SlotVerdict& slot : verdict.slots) {
    SourceReport::Slot& out = source.slots.emplace_back();
    out.name = slot.name;
    out.active = slot.active;
    out.retained_bytes = slot.retained_bytes;
    if (slot.safe_bytes) out.safe_wal_bytes = static_cast<std::int64_t>(*slot.safe_bytes);
    out.seconds_left = seconds_of(slot.time_left);
    out.wal_status = name_of(slot.status);
  }
  return source;
}

PipelineReport ServiceView::report_here(const StatusRow& row) const {
  if (const auto host = hosts_.find(row.pipeline)) {
    PipelineReport report = host->last_report();
    report.restarts = row.restarts;
    return report;
  }
  return report_of(row, glance_.look().seen->contents);
}

std::vector<PipelineReport> ServiceView::reports_elsewhere() const {
  const auto seen = glance_.look().seen;
  std::set<std::string> own;
  for (const StatusRow& row : manager_.statuses()) own.insert(row.pipeline);
  const double since = in_seconds(clock_.now() - seen->read_at);
  std::vector<PipelineReport> reports;
  for (const StatusRow& row : seen->statuses) {
    if (own.contains(row.pipeline) || !seen->contents.pipelines.contains(row.pipeline)) continue;
    PipelineReport& report = reports.emplace_back(report_of(row, seen->contents));
    report.elsewhere = PipelineReport::Elsewhere{row.owner, std::nullopt, std::nullopt, row.tables, row.quarantined};
    if (row.heartbeat_age_seconds + since > kStatusStaleAfterSeconds) {
      report.driver.state = "unknown";  // what was true then may be true no more
    } else if (!rests(row.state)) {
      report.elsewhere->lag_bytes = row.lag_bytes;
      report.elsewhere->lag_seconds = row.lag_seconds;
    }
  }
  return reports;
}

std::vector<PipelineReport> ServiceView::pipelines() const {
  std::vector<PipelineReport> reports;
  for (const StatusRow& row : manager_.statuses()) reports.push_back(report_here(row));
  return reports;
}

std::vector<PipelineReport> ServiceView::all_pipelines() const {
  std::vector<PipelineReport> reports = pipelines();
  for (PipelineReport& report : reports_elsewhere()) reports.push_back(std::move(report));
  std::ranges::sort(reports, {}, &PipelineReport::name);
  return reports;
}

std::optional<PipelineReport> ServiceView::pipeline(std::string_view name) const {
  for (const StatusRow& row : manager_.statuses()) {
    if (row.pipeline == name) return report_here(row);
  }
  for (PipelineReport& report : reports_elsewhere()) {
    if (report.name == name) return std::move(report);
  }
  return std::nullopt;
}

std::vector<SourceReport> ServiceView::sources() const {
  std::vector<SourceReport> sources;
  for (const WalReport& report : monitor_.reports()) {
    SourceReport& source = sources.emplace_back(source_report(report));
    if (const auto cache = hosts_.find_schema_cache(report.source)) {
      const SchemaCache::Counters counters = cache->counters();
      source.cache = {counters.hits, counters.misses, counters.statements, counters.tables};
    }
  }
  return sources;
}

AlertReport ServiceView::alerts() const {
  AlertReport report;
  for (const FiringAlert& firing : alerts_.firing()) {
    report.firing.push_back({firing.alert.key, std::string(to_string(firing.alert.kind)), std::string(to_string(firing.alert.severity)),
                             firing.alert.title, firing.alert.hint, firing.since});
  }
  for (const ReceiverReport& receiver : alerts_.receivers())
    report.receivers.push_back({receiver.name, receiver.delivered, receiver.failures, receiver.waiting});
  return report;
}

Status ServiceView::ready() const {
  const CatalogGlance::Look look = glance_.look();
  if (look.error) return *look.error;
  if (const auto trouble = manager_.trouble()) return *trouble;
  if (look.seen->contents.revision > 0) return ok();
  return make_error(Recovery::retry, "catalog_slow", "the catalog has not answered yet", "is its server up?");
}

Status ServiceView::set_desired(const std::string& pipeline, const std::string& desired) {
  const std::array<CatalogEdit, 1> edits{SetDesired{pipeline, desired}};
  std::optional<std::int64_t> judged;
  if (desired != "PAUSE") {  // which is possible whatever the rows are like
    TRY(const CatalogContents contents, catalog_.read());
    if (Status checked = check_catalog_edits(contents, edits); !checked) return not_to_start(std::move(checked).error());
    judged = contents.revision;
  }
  Status done = catalog_.edit(edits, judged);
  if (done || done.error().code != "unknown_row") return done;
  Error unknown = std::move(done).error();
  unknown.code = "unknown_pipeline";
  return unknown;
}

Result<std::vector<std::string>> ServiceView::resync(const std::string& pipeline, const std::string& pattern) {
  const auto host = hosts_.find(pipeline);
  if (host) return resync_tables(*host, pattern);
  if (!this->pipeline(pipeline)) return fatal("unknown_pipeline", "there is no pipeline of that name", "luge pipeline list");
  return fatal("not_running", "the pipeline does not run in this process", "start it, or ask the process that runs it (pipeline_status.owner)");
}

}  // namespace luge
