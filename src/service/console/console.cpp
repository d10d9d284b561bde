#include "service/console/console.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "service/console/assets.h"
#include "service/console/fragments.h"
#include "service/console/html.h"
#include "service/console/line_chart.h"
#include "service/http/admin_api.h"
#include "service/http/table_page.h"

namespace luge {

namespace {

constexpr std::size_t kPageSize = 100;
constexpr std::string_view kPipelineRoot = "/pipelines/";
constexpr const char* kHtml = "text/html; charset=utf-8";

std::string chart(std::string_view title, const std::vector<PipelineHistory::Point>& points,
                  std::optional<double> (*value)(const PipelineHistory::Point&), std::function<std::string(double)> text) {
  LineChart made{title, {}, std::move(text)};
  for (const PipelineHistory::Point& point : points) made.points.push_back({point.seconds_ago, value(point)});
  return made.svg();
}

std::string charts(const std::vector<PipelineHistory::Point>& points) {
  using Point = PipelineHistory::Point;
  return "<section id=\"charts\" data-live class=\"charts\">" +
         chart(
             "Rows per second", points, [](const Point& point) { return std::optional(point.rows_per_second); }, row_rate_text) +
         chart(
             "Lag", points, [](const Point& point) { return point.lag_seconds; }, seconds_text) +
         chart(
             "WAL not durable yet", points, [](const Point& point) { return point.lag_bytes; }, bytes_text) +
         "</section>";
}

/// The form stays as it is while the page refreshes: somebody may be typing.
std::string filter_form(const TablePageQuery& query) {
  std::string out = fmt::format(
      "<form class=\"filter\" method=\"get\"><label>Search <input name=\"search\" type=\"search\" value=\"{}\" maxlength=\"200\"></label> "
      "<label>State <select "
      "name=\"state\"><option value=\"\">any</option>",
      html(query.search));
  for (const char* state : {"live", "waiting", "copying", "catching_up", "resyncing", "quarantined", "gap", "dropped"}) {
    out += fmt::format("<option{}>{}</option>", query.state == state ? " selected" : "", state);
  }
  return out + "</select></label> <button type=\"submit\">Show</button></form>";
}

std::string query_text(const TablePageQuery& query) {
  std::string out;
  if (!query.state.empty()) out += "state=" + url_part(query.state);
  if (!query.search.empty()) out += (out.empty() ? "search=" : "&search=") + url_part(query.search);
  return out;
}

/// A query of the address bar that makes no sense is the first page.
TablePageQuery query_of(const AdminRequest& request) {
  auto query = TablePageQuery::parse(request.query);
  if (!query) return {0, kPageSize, {}, {}};
  query->limit = std::clamp<std::size_t>(query->limit, 1, 500);
  return *query;
}

}  // namespace

HttpAnswer Console::answer(const AdminRequest& request) const {
  if (request.path == "/") return pipelines_page(request);
  if (request.path == "/assets/console.css") return {200, "text/css; charset=utf-8", std::string(kConsoleStyle), {}};
  if (request.path == "/assets/console.js") return {200, "text/javascript; charset=utf-8", std::string(kConsoleScript), {}};
  if (request.path == "/favicon.ico" || request.path == "/assets/icon.svg") return {200, "image/svg+xml", std::string(kConsoleIcon), {}};
  if (request.path.starts_with(kPipelineRoot)) return pipeline_page(request, request.path.substr(kPipelineRoot.size()));
  return page(404, "Not found", "<h1>Not found</h1><p>There is nothing at this address. <a href=\"/\">All pipelines</a></p>");
}

HttpAnswer Console::page(int status, const std::string& title, const std::string& body) const {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>{} · luge</title><link rel=\"icon\" href=\"/assets/icon.svg\">"
      "<link rel=\"stylesheet\" href=\"/assets/console.css\"><script src=\"/assets/console.js\" defer></script></head>\n<body><header><a "
      "class=\"brand\" "
      "href=\"/\">luge</a><span id=\"message\" role=\"status\"></span><button type=\"button\" id=\"token\">Token</button>"
      "<button type=\"button\" id=\"theme\" aria-label=\"Light or dark\">Light/dark</button></header>\n<main>",
      html(title));
  out += body;
  out += fmt::format(
      "</main>\n<footer>luge {} · <a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/openapi.json\">API</a></footer>\n"
      "<dialog id=\"token-dialog\"><form method=\"dialog\"><label>Token <input type=\"password\" id=\"token-input\" autocomplete=\"off\" size=\"40\">"
      "</label><p class=\"note\">From the token file that luge named at its start. Kept until this tab is closed.</p>"
      "<button value=\"ok\">Use it</button> <button value=\"cancel\" formnovalidate>Cancel</button></form></dialog></body></html>\n",
      html(version_));
  return {status, kHtml, std::move(out), {}};
}

HttpAnswer Console::pipelines_page(const AdminRequest& request) const {
  const TablePageQuery query = query_of(request);
  const auto reports = view_.all_pipelines();
  const PgTimestamp now = clock_.wall_now();
  std::string rows;
  const std::size_t end = std::min(reports.size(), query.offset + query.limit);
  for (std::size_t i = query.offset; i < end; ++i) {
    const StatusDocument document = document_of(reports[i], now);
    rows += fmt::format(
        "<tr><td><a href=\"{}{}\">{}</a><br><span class=\"note\">{} → {}</span></td><td>{}{}</td><td>{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td>{}{}</td><td>{}</td></tr>",
        kPipelineRoot, url_part(document.pipeline), html(document.pipeline), html(document.source), html(document.destination),
        state_badge(document.state), elsewhere_note(document), html(freshness_text(document)),
        document.lag_bytes ? bytes_text(static_cast<double>(*document.lag_bytes)) : "unknown",
        document.elsewhere ? "" : row_rate_text(history_.rows_per_second(document.pipeline)), html(tables_text(document)), problem_box(document),
        pipeline_buttons(document));
  }
  if (rows.empty()) rows = "<tr><td colspan=\"7\" class=\"note\">no pipelines</td></tr>";
  const std::string body = fmt::format(
      "<h1>Pipelines</h1><div id=\"pipelines\" data-live><div "
      "class=\"scroll\"><table><thead><tr><th>Pipeline</th><th>State</th><th>Freshness</th><th "
      "class=\"number\">Lag</th><th class=\"number\">Rows/s</th><th>Tables</th><th></th></tr></thead><tbody>{}</tbody></table></div>{}</div><section "
      "id=\"sources\" data-live>{}{}</section>",
      rows, pager(query.offset, query.limit, reports.size(), ""), alert_section(view_.alerts(), now), source_section(view_.sources()));
  return page(200, "Pipelines", body);
}

HttpAnswer Console::pipeline_page(const AdminRequest& request, const std::string& name) const {
  const auto report = view_.pipeline(name);
  if (!report) return page(404, "Not found", "<h1>Not found</h1><p>There is no such pipeline. <a href=\"/\">All pipelines</a></p>");
  const TablePageQuery query = query_of(request);
  const StatusDocument document = document_of(*report, clock_.wall_now());
  const TablePage tables = page_of(document, query);
  std::string body = fmt::format("<h1>{}</h1><section id=\"state\" data-live>{}<p>{}</p>{}</section>", html(name), problem_box(document),
                                 pipeline_buttons(document), facts_section(document));
  if (document.elsewhere) {  // under the names that they have where it runs: a page that stays open while it moves refreshes them
    body += fmt::format(
        "<section id=\"charts\" data-live></section><h2>Tables</h2><div id=\"tables\" data-live><p>{}</p><p class=\"note\">They are shown, "
        "with charts, by the console of that process.</p></div>",
        html(tables_text(document)));
    return page(200, name, body);
  }
  body += charts(history_.points(name, clock_.now()));
  body += fmt::format("<h2>Tables</h2>{}<div id=\"tables\" data-live><p>{}</p>", filter_form(query), html(tables_text(document)));
  body +=
      "<div class=\"scroll\"><table><thead><tr><th>Table</th><th>State</th><th class=\"number\">Changes</th><th>Complete up "
      "to</th><th></th></tr></thead><tbody>" +
      table_rows(document, tables) + "</tbody></table></div>" + pager(query.offset, query.limit, tables.total, query_text(query)) + "</div>";
  return page(200, name, body);
}

}  // namespace luge
