#include "service/alert/trouble_alerts.h"

#include <algorithm>
#include <utility>

#include "service/quantity_text.h"

namespace luge {

namespace {

constexpr int kCriticalFactor = 3;
constexpr Duration kServiceGrace = std::chrono::seconds(30);
constexpr Duration kUnreadGrace = std::chrono::seconds(60);

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

Alert quarantine_alert(std::string_view pipeline, const TableRecord& record) {
  Alert alert;
  alert.key = "quarantine/" + std::string(pipeline) + "/" + to_string(record.name);
  alert.kind = AlertKind::quarantine;
  alert.severity = AlertSeverity::warning;
  alert.title = "pipeline " + std::string(pipeline) + ": table " + to_string(record.name) + " is quarantined; the other tables go on";
  alert.facts = {{"pipeline", std::string(pipeline)}, {"table", to_string(record.name)}};
  if (!record.quarantine) return alert;
  const Quarantine& quarantine = *record.quarantine;
  alert.hint = quarantine.fix;
  alert.facts.emplace_back("reason", quarantine.reason);
  alert.facts.emplace_back("code", quarantine.code);
  if (!quarantine.column.empty())
    alert.facts.emplace_back("column", quarantine.column + (quarantine.type.empty() ? "" : " (" + quarantine.type + ")"));
  alert.facts.emplace_back("lsn", to_string(quarantine.position.commit_lsn));
  return alert;
}

}  // namespace

std::vector<Alert> wal_alerts(std::string_view source, const WalVerdict& verdict) {
  if (verdict.level == WalLevel::ok || !verdict.calls_for(WalAction::alert)) return {};
  Alert alert;
  alert.key = "wal/" + std::string(source);
  alert.kind = AlertKind::wal;
  alert.severity = verdict.level == WalLevel::danger ? AlertSeverity::critical : AlertSeverity::warning;
  alert.title = "WAL of source " + std::string(source) + ": " + std::string(to_string(verdict.level));
  if (verdict.time_left && verdict.time_left_settled) {
    alert.title += verdict.time_left->count() == 0 ? ", " + verdict.time_left_until + " any moment"
                                                   : ", " + verdict.time_left_until + " in " + duration_text(*verdict.time_left);
  } else if (!verdict.reasons.empty()) {
    alert.title += ", " + verdict.reasons.front();
  }
  alert.hint = verdict.pinned_by;
  alert.facts = {{"source", std::string(source)},
                 {verdict.wal_bytes_from_directory ? "WAL directory" : "WAL kept for slots", bytes_text(verdict.wal_bytes)},
                 {"retained", bytes_text(verdict.retained_bytes)},
                 {"why", joined(verdict.reasons)}};
  std::string doing;
  for (const WalAction action : verdict.actions) {
    if (action != WalAction::alert) doing += (doing.empty() ? "" : ", ") + std::string(to_string(action));
  }
  if (!doing.empty()) alert.facts.emplace_back("actions", doing);
  if (verdict.time_left && verdict.time_left_settled)
    alert.facts.emplace_back("time left", duration_text(*verdict.time_left) + " until " + verdict.time_left_until);
  if (verdict.written_per_second) alert.facts.emplace_back("written", rate_text(*verdict.written_per_second));
  const auto worst = std::ranges::max_element(verdict.slots, {}, &SlotVerdict::retained_bytes);
  if (worst != verdict.slots.end()) {
    alert.facts.emplace_back("slot", worst->name + (worst->active ? "" : " (nobody reads it)"));
    if (worst->safe_bytes) alert.facts.emplace_back("safe_wal_size", bytes_text(*worst->safe_bytes));
  }
  std::vector<Alert> alerts;
  alerts.push_back(std::move(alert));
  return alerts;
}

std::vector<Alert> unread_alerts(std::string_view source, const Error& error, Duration unread_for) {
  if (unread_for < kUnreadGrace) return {};
  Alert alert;
  alert.key = "unread/" + std::string(source);
  alert.kind = AlertKind::wal;
  alert.severity = AlertSeverity::warning;
  alert.title = "WAL of source " + std::string(source) + ": cannot be read";
  alert.hint = error.hint;
  alert.facts = {{"source", std::string(source)}, {"error", error.what}, {"code", error.code}};
  return {alert};
}

std::vector<Alert> service_alerts(std::string_view host, const Error& error, Duration lacking_for) {
  if (lacking_for < kServiceGrace) return {};
  Alert alert;
  alert.key = "service/" + std::string(host);
  alert.kind = AlertKind::service;
  alert.severity = AlertSeverity::critical;
  alert.title = "luge serve on " + std::string(host) + ": its catalog or its leases do not answer; pipelines may stand still";
  alert.hint = error.hint;
  alert.facts = {{"host", std::string(host)}, {"error", error.what}, {"code", error.code}};
  return {alert};
}

Alert stopped_alert(std::string_view pipeline, const Error& error) {
  const bool gap = error.code == "gap";
  Alert alert;
  alert.kind = gap ? AlertKind::gap : AlertKind::pipeline_failed;
  alert.key = std::string(to_string(alert.kind)) + "/" + std::string(pipeline);
  alert.severity = AlertSeverity::critical;
  alert.title = "pipeline " + std::string(pipeline) + (gap ? " has stopped: changes are missing" : " has failed");
  alert.hint = error.hint;
  alert.facts = {{"pipeline", std::string(pipeline)}, {"error", error.what}, {"code", error.code}};
  return alert;
}

std::vector<Alert> quarantine_alerts(std::string_view pipeline, const PipelineStatus& status, std::size_t most) {
  std::vector<Alert> alerts;
  std::size_t more = 0;
  for (const TableStatus& table : status.tables) {
    if (table.record.state != TableState::quarantined) continue;
    if (alerts.size() < most) {
      alerts.push_back(quarantine_alert(pipeline, table.record));
    } else {
      ++more;
    }
  }
  if (more == 0) return alerts;
  Alert rest;
  rest.key = "quarantine/" + std::string(pipeline);
  rest.kind = AlertKind::quarantine;
  rest.severity = AlertSeverity::critical;
  rest.title = "pipeline " + std::string(pipeline) + ": more than " + std::to_string(most) + " tables are quarantined";
  rest.hint = "luge status --pipeline " + std::string(pipeline) + " names all of them";
  rest.facts = {{"pipeline", std::string(pipeline)}, {"tables", std::to_string(most + more)}};
  alerts.push_back(std::move(rest));
  return alerts;
}

std::vector<Alert> breaker_alerts(std::string_view pipeline, const DestinationHealth& health) {
  if (health.breaker == "closed") return {};  // half open: one request tries; that is not over yet
  Alert alert;
  alert.key = "breaker/" + std::string(pipeline);
  alert.kind = AlertKind::breaker;
  alert.severity = AlertSeverity::warning;
  alert.title = "pipeline " + std::string(pipeline) + ": its destination fails, and is asked again from time to time only";
  alert.hint = "the source keeps its WAL until the destination is back";
  alert.facts = {{"pipeline", std::string(pipeline)}, {"error", health.last_error}};
  return {alert};
}

std::vector<Alert> freshness_alerts(std::string_view pipeline, const PipelineStatus& status, Duration objective, PgTimestamp now) {
  if (objective.count() <= 0 || !status.oldest_unfinished_commit) return {};
  const Duration behind(now.micros - status.oldest_unfinished_commit->micros);
  if (behind <= objective) return {};
  Alert alert;
  alert.key = "freshness/" + std::string(pipeline);
  alert.kind = AlertKind::freshness;
  alert.severity = behind > kCriticalFactor * objective ? AlertSeverity::critical : AlertSeverity::warning;
  alert.title = "pipeline " + std::string(pipeline) + " is " + duration_text(behind) + " behind; its objective is " + duration_text(objective);
  alert.facts = {{"pipeline", std::string(pipeline)}, {"behind", duration_text(behind)}, {"objective", duration_text(objective)}};
  if (status.server > status.durable) alert.facts.emplace_back("WAL behind", bytes_text(status.server.value - status.durable.value));
  return {alert};
}

}  // namespace luge
