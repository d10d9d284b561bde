#include "service/console/fragments.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "service/console/html.h"

namespace luge {

namespace {

/// Green, amber, red or grey.
std::string_view tone_of(std::string_view state) {
  for (const std::string_view good : {"live", "ok", "reserved", "closed"}) {
    if (state == good) return "good";
  }
  for (const std::string_view bad : {"failed", "quarantined", "gap", "danger", "lost", "open"}) {
    if (state == bad) return "bad";
  }
  for (const std::string_view still : {"stopped", "paused", "dropped", "not_running", "unknown"}) {
    if (state == still) return "still";
  }
  return "busy";
}

std::string fact(std::string_view name, const std::string& shown) { return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", html(name), shown); }

std::string slot_text(const SourceReport::Slot& slot) {
  std::string text;
  if (slot.retained_bytes) text += bytes_text(static_cast<double>(*slot.retained_bytes)) + " retained";
  if (slot.safe_wal_bytes)
    text += (text.empty() ? "" : ", ") + bytes_text(static_cast<double>(std::max<std::int64_t>(*slot.safe_wal_bytes, 0))) + " left";
  return text.empty() ? "not measured" : text;
}

/// Why a source has its level, who is behind it, and what its pipelines do about it.
std::string level_text(const SourceReport& source) {
  std::string text = source.reason;
  if (!source.pinned_by.empty()) text += " Oldest WAL kept by " + source.pinned_by + ".";
  for (const std::string& action : source.actions) {
    if (action == "pause_copies") text += " New tables wait for their first copy.";
    if (action == "larger_batches") text += " Batches are larger.";
  }
  return text;
}

std::string copy_cell(const StatusDocument::Copy& copy) {
  std::string text = count_text(copy.rows) + " rows";
  if (copy.rows_per_second() > 0) text += ", " + row_rate_text(copy.rows_per_second()) + "/s";
  if (const auto left = copy.seconds_left()) text += ", " + seconds_text(*left) + " left";
  const auto share = copy.share();
  const std::string bar =
      share ? fmt::format("<progress max=\"100\" value=\"{:.0f}\">{:.0f} %</progress>", *share * 100, *share * 100) : "<progress></progress>";
  return fmt::format("{} <span class=\"note\">{}: {}</span>", bar, html(copy.phase), html(text));
}

std::string quarantine_cell(const StatusDocument::Quarantined& why) {
  std::string text = why.reason;
  if (!why.column.empty()) text += " Column " + why.column + (why.type.empty() ? "" : " (" + why.type + ")") + ".";
  std::string out = fmt::format("<span class=\"note\">{} At {}.</span>", html(text), html(why.lsn));
  if (!why.fix.empty()) out += "<code class=\"fix\">" + html(why.fix) + "</code>";
  return out;
}

std::string landing_cell(const StatusDocument::Landing& landing) {
  if (!landing.error.empty()) return "<span class=\"note\">" + html(landing.error) + "</span>";
  return fmt::format("<span class=\"note\">{} rows landed, current state {} behind</span>", count_text(landing.rows_landed),
                     html(seconds_text(landing.seconds_behind)));
}

std::string details_cell(const StatusDocument::Table& table) {
  if (table.quarantine) return quarantine_cell(*table.quarantine);
  if (table.copy) return copy_cell(*table.copy);
  return table.landing ? landing_cell(*table.landing) : "";
}

}  // namespace

std::string freshness_text(const StatusDocument& document) {
  if (document.paused) return "paused";
  if (!document.lag_seconds) return "unknown";
  return *document.lag_seconds == 0 ? "up to date" : seconds_text(*document.lag_seconds) + " behind";
}

std::string state_badge(const std::string& state) { return fmt::format("<span class=\"badge {}\">{}</span>", tone_of(state), html(state)); }

std::string elsewhere_note(const StatusDocument& document) {
  if (!document.elsewhere) return "";
  const auto is = [&](std::string_view state) { return document.state == state; };
  const bool rests = is("paused") || is("stopped") || is("failed") || is("waiting") || is("invalid");
  return fmt::format(" <span class=\"note\">{} {}</span>",
                     is("unknown") ? "last heard of at"
                     : rests       ? "told by"
                                   : "runs at",
                     html(document.elsewhere->owner));
}

std::string tables_text(const StatusDocument& document) {
  if (document.elsewhere) {
    const auto& told = *document.elsewhere;
    if (told.tables == 0) return "unknown";
    return count_text(told.tables) + (told.tables == 1 ? " table" : " tables") +
           (told.quarantined > 0 ? ", " + count_text(told.quarantined) + " quarantined" : "");
  }
  const auto counts = table_counts(document);
  std::string out;
  for (const char* state : {"live", "waiting", "copying", "catching_up", "resyncing", "dropped", "gap", "quarantined"}) {
    if (const auto found = counts.find(state); found != counts.end()) out += (out.empty() ? "" : ", ") + count_text(found->second) + " " + state;
  }
  return out.empty() ? "none" : out;
}

std::string pipeline_buttons(const StatusDocument& document) {
  if (document.state == "draining") return "";
  const bool stopped = document.paused || document.state == "paused" || document.state == "stopped" || document.state == "failed";
  return fmt::format("<button type=\"button\" data-action=\"{}\" data-pipeline=\"{}\">{}</button>", stopped ? "resume" : "pause",
                     html(document.pipeline), stopped ? "Start" : "Pause");
}

std::string problem_box(const StatusDocument& document) {
  if (!document.error) return "";
  const bool failed = document.state == "failed";
  std::string out = fmt::format("<div class=\"problem {}\" role=\"alert\"><b>{}</b> {} <span class=\"code\">{}</span>", failed ? "bad" : "busy",
                                failed ? "Stopped:" : "Trying again:", html(document.error->what), html(document.error->code));
  if (!document.error->hint.empty()) out += "<code class=\"fix\">" + html(document.error->hint) + "</code>";
  return out + "</div>";
}

std::string alert_section(const AlertReport& alerts, PgTimestamp now) {
  std::string out;
  for (const AlertReport::Firing& alert : alerts.firing) {
    out += fmt::format("<div class=\"problem {}\"><b>{}</b> <span class=\"note\">for {}</span>", alert.severity == "critical" ? "bad" : "busy",
                       html(alert.title), html(seconds_text(static_cast<double>(now.micros - alert.since.micros) / 1e6)));
    if (!alert.hint.empty()) out += "<code class=\"fix\">" + html(alert.hint) + "</code>";
    out += "</div>";
  }
  return out.empty() ? "" : "<h2>Alerts</h2>" + out;
}

std::string source_section(const std::vector<SourceReport>& sources) {
  if (sources.empty()) return "";
  std::string out =
      "<h2>Sources</h2><div class=\"scroll\"><table><thead><tr><th>Source</th><th>Level</th><th class=\"number\">WAL</th><th "
      "class=\"number\">Written</th>"
      "<th>Slot</th><th>WAL kept</th><th>Slot lost in</th></tr></thead><tbody>";
  for (const SourceReport& source : sources) {
    const char* level = source.level == SourceReport::Level::ok        ? "ok"
                        : source.level == SourceReport::Level::warning ? "warning"
                        : source.level == SourceReport::Level::danger  ? "danger"
                                                                       : "unknown";
    const std::string head = fmt::format(
        "<td>{}</td><td>{} <span class=\"note\">{}</span></td><td class=\"number\">{}</td><td class=\"number\">{}</td>", html(source.name),
        state_badge(level), html(level_text(source)), source.wal_bytes ? bytes_text(static_cast<double>(*source.wal_bytes)) : "",
        source.wal_bytes_per_second ? bytes_text(*source.wal_bytes_per_second) + "/s" : "");
    if (source.slots.empty()) out += "<tr>" + head + "<td></td><td></td><td></td></tr>";
    for (const SourceReport::Slot& slot : source.slots) {
      const bool lost = slot.wal_status == "lost";
      const std::string countdown = slot.seconds_left ? "<b class=\"countdown\">" + html(seconds_text(*slot.seconds_left)) + "</b>" : "";
      out += fmt::format("<tr>{}<td>{}{}</td><td>{}</td><td>{}</td></tr>", head, html(slot.name),
                         slot.active ? "" : " <span class=\"note\">inactive</span>", html(slot_text(slot)), lost ? state_badge("lost") : countdown);
    }
  }
  return out + "</tbody></table></div>";
}

std::string facts_section(const StatusDocument& document) {
  std::string out = "<dl class=\"facts\">";
  out += fact("State", state_badge(document.state) + elsewhere_note(document));
  out += fact("Freshness", html(freshness_text(document)));
  out += fact("Lag", document.lag_bytes ? bytes_text(static_cast<double>(*document.lag_bytes)) : "unknown");
  out += fact("Source", html(document.source));
  out += fact("Destination", html(document.destination));
  out += fact("Mode", html(document.mode));
  if (!document.elsewhere) {
    out += fact("Rows", count_text(document.rows));
    out += fact("Transactions", count_text(document.transactions));
    out += fact("Batches", count_text(document.batches));
    out += fact("Reconnects", count_text(document.reconnects));
  }
  out += fact("Received", html(document.received));
  out += fact("Durable", html(document.durable));
  out += fact("Acknowledged", html(document.acknowledged));
  out += fact("Slot", html(document.slot.name));
  if (const auto& slot = document.slot.facts) {
    out += fact("Slot's WAL", state_badge(slot->wal_status.empty() ? "unknown" : slot->wal_status));
    if (slot->safe_wal_bytes)
      out += fact("Slot lost after", bytes_text(static_cast<double>(std::max<std::int64_t>(*slot->safe_wal_bytes, 0))) + " more WAL");
  }
  if (document.link) {
    out += fact("Circuit breaker", state_badge(document.link->breaker));
    out += fact("Retries", count_text(document.link->retries));
    out += fact("Sent", count_text(document.link->rows_sent) + " rows, " + bytes_text(static_cast<double>(document.link->bytes_sent)));
    if (!document.link->last_error.empty()) out += fact("Last error", html(document.link->last_error));
  }
  return out + "</dl>";
}

std::string table_rows(const StatusDocument& document, const TablePage& page) {
  std::string out;
  for (const StatusDocument::Table* table : page.tables) {
    const std::string name = html(table->schema + "." + table->name);
    const bool waits = table->state == "quarantined" || table->state == "gap";
    const std::string button =
        waits ? fmt::format(
                    " <button type=\"button\" data-action=\"resync\" data-pipeline=\"{}\" data-schema=\"{}\" data-table=\"{}\">Copy again</button>",
                    html(document.pipeline), html(table->schema), html(table->name))
              : "";
    out += fmt::format("<tr><td>{}</td><td>{}{}</td><td class=\"number\">{}</td><td>{}</td><td>{}</td></tr>", name, state_badge(table->state), button,
                       count_text(table->rows), html(table->position), details_cell(*table));
  }
  return out.empty() ? "<tr><td colspan=\"5\" class=\"note\">no tables</td></tr>" : out;
}

std::string pager(std::size_t offset, std::size_t limit, std::size_t total, const std::string& query) {
  if (limit == 0 || (offset == 0 && total <= limit)) return "";
  const auto link = [&](std::size_t to, std::string_view text) {
    return fmt::format("<a href=\"?{}offset={}&amp;limit={}\">{}</a>", query.empty() ? "" : html(query) + "&amp;", to, limit, text);
  };
  std::string out = "<nav class=\"pager\" aria-label=\"Pages\">";
  if (offset > 0) out += link(0, "First") + " " + link(offset > limit ? offset - limit : 0, "Previous") + " ";
  out += fmt::format("<span>{} to {} of {}</span>", count_text(std::min(offset + 1, total)), count_text(std::min(offset + limit, total)),
                     count_text(total));
  if (offset + limit < total) out += " " + link(offset + limit, "Next") + " " + link((total - 1) / limit * limit, "Last");
  return out + "</nav>";
}

}  // namespace luge
