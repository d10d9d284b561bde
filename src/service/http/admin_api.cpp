#include "service/http/admin_api.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/log_component.h"
#include "base/log_level.h"
#include "service/http/openapi_text.h"
#include "service/http/table_page.h"

namespace luge {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kRoot = "/api/v1/";
constexpr std::size_t kMostPipelines = 1000;

std::string text_of(const ordered_json& value) { return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

int status_of(const Error& error) {
  if (error.code.starts_with("unknown_")) return 404;
  if (error.code == "usage") return 400;
  if (error.code == "not_running" || error.exit_code == ExitCode::usage) return 409;  // as things are, it cannot be
  return error.recovery == Recovery::retry ? 503 : 500;
}

HttpAnswer wrong_method(const std::string& allowed) {
  HttpAnswer answer = error_answer(405, "method", "this path answers " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

HttpAnswer nothing_there() {
  return error_answer(404, "unknown_path", "there is nothing at this path", "GET /api/v1/openapi.json says what there is");
}

HttpAnswer no_pipeline() { return error_answer(404, "unknown_pipeline", "there is no such pipeline", "GET /api/v1/pipelines lists them"); }

/// The string `member` of a body that is an object and holds nothing else. Errors: "usage".
Result<std::string> member_of(const std::string& body, const char* member) {
  const json value = json::parse(body, nullptr, false);
  if (!value.is_object() || value.size() != 1 || !value.contains(member) || !value.at(member).is_string()) {
    return fatal("usage", std::string("the body is a JSON object with one member, \"") + member + "\", a string", {});
  }
  return value.at(member).get<std::string>();
}

struct LevelWish {
  std::string level;
  std::string component;  ///< empty: the level of all that have none of their own
};

/// Errors: "usage".
Result<LevelWish> level_wish_of(const std::string& body) {
  const json value = json::parse(body, nullptr, false);
  const bool fits = value.is_object() && value.contains("level") && std::ranges::all_of(value.items(), [](const auto& member) {
                      return (member.key() == "level" || member.key() == "component") && member.value().is_string();
                    });
  if (!fits) return fatal("usage", R"(the body is a JSON object with "level" and perhaps "component", strings)", {});
  return LevelWish{value.at("level").get<std::string>(), value.value("component", "")};
}

template <class T>
json json_of(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

const char* name_of(SourceReport::Level level) {
  switch (level) {
    case SourceReport::Level::ok: return "ok";
    case SourceReport::Level::warning: return "warning";
    case SourceReport::Level::danger: return "danger";
    case SourceReport::Level::unknown: break;
  }
  return "unknown";
}

ordered_json json_of(const SourceReport& source) {
  ordered_json slots = ordered_json::array();
  for (const SourceReport::Slot& slot : source.slots) {
    slots.push_back({{"name", slot.name},
                     {"active", slot.active},
                     {"retained_bytes", json_of(slot.retained_bytes)},
                     {"safe_wal_bytes", json_of(slot.safe_wal_bytes)},
                     {"seconds_left", json_of(slot.seconds_left)},
                     {"wal_status", slot.wal_status}});
  }
  ordered_json out{{"name", source.name},
                   {"level", name_of(source.level)},
                   {"reason", source.reason},
                   {"actions", source.actions},
                   {"wal_bytes", json_of(source.wal_bytes)},
                   {"wal_bytes_per_second", json_of(source.wal_bytes_per_second)},
                   {"seconds_left", json_of(source.seconds_left)},
                   {"pinned_by", source.pinned_by},
                   {"readings", source.readings},
                   {"failed_readings", source.failed_readings},
                   {"slots", slots},
                   {"schema_cache", nullptr}};
  if (source.cache) {
    out["schema_cache"] = {
        {"hits", source.cache->hits}, {"misses", source.cache->misses}, {"queries", source.cache->queries}, {"tables", source.cache->tables}};
  }
  return out;
}

}  // namespace

HttpAnswer json_answer(int status, std::string body) { return {status, "application/json", std::move(body), {}}; }

HttpAnswer error_answer(int status, const std::string& code, const std::string& what, const std::string& hint) {
  return json_answer(status, text_of({{"code", code}, {"what", what}, {"hint", hint}}));
}

HttpAnswer error_answer(const Error& error) { return error_answer(status_of(error), error.code, error.what, error.hint); }

HttpAnswer AdminApi::answer(const AdminRequest& request) {
  const std::string path = request.path.substr(std::min(kRoot.size(), request.path.size()));
  const bool reading = request.method == "GET";
  if (path == "log-level") return log_level(request);
  if (path.starts_with("pipelines/")) {
    const std::string name = path.substr(10, path.find('/', 10) - 10);
    const std::string rest = path.size() > 10 + name.size() ? path.substr(11 + name.size()) : "";
    if (name.empty()) return nothing_there();
    if (path.size() == 11 + name.size()) return nothing_there();  // ends in a slash
    return pipeline(request, name, rest);
  }
  if (path != "pipelines" && path != "sources" && path != "alerts" && path != "openapi.json") return nothing_there();
  if (!reading) return wrong_method("GET");
  if (path == "sources") return sources();
  if (path == "alerts") return alerts();
  return path == "pipelines" ? pipelines(request) : json_answer(200, std::string(kOpenapiText));
}

HttpAnswer AdminApi::pipelines(const AdminRequest& request) const {
  const auto offset = count_of(request.query, "offset", 0, INT32_MAX);
  if (!offset) return error_answer(offset.error());
  const auto limit = count_of(request.query, "limit", 100, kMostPipelines);
  if (!limit) return error_answer(limit.error());
  const auto reports = view_.all_pipelines();
  const PgTimestamp now = clock_.wall_now();
  std::string out = "{\"total\":" + std::to_string(reports.size()) + ",\"offset\":" + std::to_string(*offset) + ",\"pipelines\":[";
  const std::size_t end = std::min(reports.size(), *offset + *limit);
  for (std::size_t i = *offset; i < end; ++i) out += (i == *offset ? "" : ",") + summary_json(document_of(reports[i], now));
  return json_answer(200, out + "]}");
}

HttpAnswer AdminApi::pipeline(const AdminRequest& request, const std::string& name, const std::string& rest) {
  const bool action = rest == "pause" || rest == "resume" || rest == "resync";
  if (!rest.empty() && rest != "tables" && rest != "history" && !action) return nothing_there();
  if (request.method != (action ? "POST" : "GET")) return wrong_method(action ? "POST" : "GET");
  const auto report = view_.pipeline(name);
  if (!report) return no_pipeline();
  if ((rest == "tables" || rest == "history") && report->elsewhere)
    return error_answer(409, "not_running", "the pipeline does not run in this process", "ask " + report->elsewhere->owner);
  if (rest == "tables") return tables(request, *report);
  if (rest == "history") return history(name);
  if (rest == "resync") return resync(name, request.body);
  if (action) return act(name, rest == "pause");
  return json_answer(200, summary_json(document_of(*report, clock_.wall_now())));
}

HttpAnswer AdminApi::tables(const AdminRequest& request, const PipelineReport& report) const {
  const auto query = TablePageQuery::parse(request.query);
  if (!query) return error_answer(query.error());
  const StatusDocument document = document_of(report, clock_.wall_now());
  const TablePage page = page_of(document, *query);
  std::string out = "{\"total\":" + std::to_string(page.total) + ",\"offset\":" + std::to_string(query->offset) + ",\"tables\":[";
  bool first = true;
  for (const StatusDocument::Table* table : page.tables) out += (std::exchange(first, false) ? "" : ",") + to_json(*table);
  return json_answer(200, out + "]}");
}

HttpAnswer AdminApi::history(const std::string& name) const {
  ordered_json points = ordered_json::array();
  for (const PipelineHistory::Point& point : history_.points(name, clock_.now())) {
    points.push_back({{"seconds_ago", point.seconds_ago},
                      {"rows_per_second", point.rows_per_second},
                      {"bytes_per_second", point.bytes_per_second},
                      {"lag_bytes", json_of(point.lag_bytes)},
                      {"lag_seconds", json_of(point.lag_seconds)}});
  }
  return json_answer(200, text_of({{"points", points}}));
}

HttpAnswer AdminApi::sources() const {
  ordered_json list = ordered_json::array();
  for (const SourceReport& source : view_.sources()) list.push_back(json_of(source));
  return json_answer(200, text_of({{"sources", list}}));
}

HttpAnswer AdminApi::alerts() const {
  const AlertReport report = view_.alerts();
  const PgTimestamp now = clock_.wall_now();
  ordered_json firing = ordered_json::array();
  for (const AlertReport::Firing& alert : report.firing) {
    firing.push_back({{"key", alert.key},
                      {"kind", alert.kind},
                      {"severity", alert.severity},
                      {"title", alert.title},
                      {"hint", alert.hint},
                      {"seconds", static_cast<double>(now.micros - alert.since.micros) / 1e6}});
  }
  ordered_json receivers = ordered_json::array();
  for (const AlertReport::Receiver& receiver : report.receivers) {
    receivers.push_back({{"name", receiver.name}, {"delivered", receiver.delivered}, {"failures", receiver.failures}, {"waiting", receiver.waiting}});
  }
  return json_answer(200, text_of({{"firing", firing}, {"receivers", receivers}}));
}

HttpAnswer AdminApi::act(const std::string& name, bool paused) {
  const Status done = paused ? view_.pause(name) : view_.resume(name);
  log_event(LogLevel::warn, "admin_action", done ? "done over HTTP" : done.error().what,
            {{"action", paused ? "pause" : "resume"}, {"pipeline", name}, {"done", done ? "yes" : "no"}});
  if (!done) return error_answer(done.error());
  return json_answer(200, text_of({{"pipeline", name}, {"paused", paused}}));
}

HttpAnswer AdminApi::resync(const std::string& name, const std::string& body) {
  const auto pattern = member_of(body, "table");
  if (!pattern) return error_answer(pattern.error());
  const auto tables = view_.resync(name, *pattern);
  log_event(LogLevel::warn, "admin_action", tables ? "done over HTTP" : tables.error().what,
            {{"action", "resync"}, {"pipeline", name}, {"done", tables ? "yes" : "no"}});
  if (!tables) return error_answer(tables.error());
  return json_answer(200, text_of({{"pipeline", name}, {"resync", *tables}}));
}

HttpAnswer AdminApi::log_level(const AdminRequest& request) {
  if (request.method != "GET" && request.method != "PUT") return wrong_method("GET, PUT");
  if (request.method == "PUT") {
    const auto wish = level_wish_of(request.body);
    if (!wish) return error_answer(wish.error());
    const bool of_all = wish->component.empty();
    const auto level = parse_log_level(wish->level);
    if (!level && (of_all || wish->level != "default"))
      return error_answer(400, "usage", of_all ? "level is one of debug, info, warn, error" : "level is one of debug, info, warn, error, default");
    if (!of_all && !has_component(wish->component))
      return error_answer(400, "usage", "component is pipeline/NAME or one of alerts, catalog, http, manager, wal");
    if (of_all) {
      set_log_level(*level);
    } else {
      set_log_level(wish->component, level);
    }
    log_event(LogLevel::warn, "admin_action", "done over HTTP",
              {{"action", "log-level"}, {"component", wish->component}, {"level", wish->level}, {"done", "yes"}});
  }
  ordered_json components = ordered_json::object();
  for (const auto& [component, level] : component_log_levels()) components[component] = std::string(to_string(level));
  return json_answer(200, text_of({{"level", std::string(to_string(luge::log_level()))}, {"components", components}}));
}

bool AdminApi::has_component(std::string_view component) const {
  constexpr std::string_view kPipeline = "pipeline/";
  if (component.starts_with(kPipeline)) return view_.pipeline(component.substr(kPipeline.size())).has_value();
  return std::ranges::find(kLogComponents, component) != kLogComponents.end();
}

}  // namespace luge
