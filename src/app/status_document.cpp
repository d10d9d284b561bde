#include "app/status_document.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/option_value.h"
#include "app/text_table.h"

namespace luge {

namespace {

using nlohmann::json;

void sort_tables(StatusDocument& document) {
  std::ranges::sort(document.tables, [](const auto& a, const auto& b) { return std::tie(a.schema, a.name) < std::tie(b.schema, b.name); });
}

StatusDocument::Table table_of(const TableRecord& record, Lsn durable) {
  StatusDocument::Table table;
  table.schema = record.name.schema;
  table.name = record.name.table;
  table.state = to_string(record.state);
  table.position = to_string(durable);
  if (record.quarantine) {
    const Quarantine& why = *record.quarantine;
    table.quarantine = StatusDocument::Quarantined{why.code, why.reason, why.column, why.type, to_string(why.position.commit_lsn), why.fix};
    if (!why.position.commit_lsn.is_zero()) table.position = to_string(why.position.commit_lsn);
  }
  return table;
}

json json_of(const StatusDocument::Table& table) {
  json out{{"schema", table.schema},     {"name", table.name},    {"state", table.state}, {"rows", table.rows},
           {"position", table.position}, {"quarantine", nullptr}, {"copy", nullptr}};
  if (table.quarantine) {
    const auto& why = *table.quarantine;
    out["quarantine"] = {{"code", why.code}, {"reason", why.reason}, {"column", why.column}, {"type", why.type}, {"lsn", why.lsn}, {"fix", why.fix}};
  }
  if (table.copy) {
    out["copy"] = {{"phase", table.copy->phase},     {"rows", table.copy->rows},  {"bytes", table.copy->bytes},
                   {"seconds", table.copy->seconds}, {"estimated_rows", nullptr}, {"rows_per_second", table.copy->rows_per_second()},
                   {"seconds_left", nullptr}};
    if (table.copy->estimated_rows >= 0) out["copy"]["estimated_rows"] = table.copy->estimated_rows;
    if (const auto left = table.copy->seconds_left()) out["copy"]["seconds_left"] = *left;
  }
  if (table.landing) {
    const auto& landing = *table.landing;
    out["landing"] = {{"rows_landed", landing.rows_landed},
                      {"merged", nullptr},
                      {"seconds_behind", landing.seconds_behind},
                      {"statements", landing.statements},
                      {"warehouse_seconds", landing.warehouse_seconds},
                      {"error", nullptr}};
    if (!landing.merged.empty()) out["landing"]["merged"] = landing.merged;
    if (!landing.error.empty()) out["landing"]["error"] = landing.error;
  }
  return out;
}

StatusDocument::Table table_of(const json& object) {
  StatusDocument::Table table;
  table.schema = object.at("schema");
  table.name = object.at("name");
  table.state = object.at("state");
  table.rows = object.at("rows");
  table.position = object.at("position");
  if (const json& why = object.at("quarantine"); why.is_object()) {
    table.quarantine = StatusDocument::Quarantined{why.at("code"), why.at("reason"), why.at("column"), why.at("type"), why.at("lsn"), why.at("fix")};
  }
  if (const json& copy = object.at("copy"); copy.is_object()) {
    table.copy = StatusDocument::Copy{copy.at("phase"), copy.at("rows"), copy.at("bytes"),
                                      copy.at("estimated_rows").is_number() ? copy.at("estimated_rows").get<double>() : -1.0, copy.at("seconds")};
  }
  if (object.contains("landing")) {
    const json& landing = object.at("landing");
    table.landing = StatusDocument::Landing{
        landing.at("rows_landed"),       landing.at("merged").is_string() ? landing.at("merged").get<std::string>() : std::string(),
        landing.at("seconds_behind"),    landing.at("statements"),
        landing.at("warehouse_seconds"), landing.at("error").is_string() ? landing.at("error").get<std::string>() : std::string()};
  }
  return table;
}

/// A gap stops the pipeline as a whole and is kept by none of its tables: what would go on is what misses changes.
void show_gap(StatusDocument& document) {
  const bool stopped = document.state == "failed" || document.state == "not_running";
  if (!stopped || !document.error || document.error->code != "gap") return;
  for (auto& table : document.tables) {
    const auto state = parse_table_state(table.state);
    if (state && goes_on(*state)) table.state = to_string(TableState::gap);
  }
}

std::string state_text(const StatusDocument::Table& table) {
  if (!table.copy) return table.state;
  const auto& copy = *table.copy;
  if (copy.phase != "copying") return table.state + ": " + copy.phase;
  const auto share = copy.share();
  return table.state + ": " + (share ? fmt::format("{:.0f} %, ", std::floor(*share * 100)) : "") + copy_progress_text(copy);
}

}  // namespace

double StatusDocument::Copy::rows_per_second() const { return seconds > 0 ? static_cast<double>(rows) / seconds : 0; }

std::optional<double> StatusDocument::Copy::share() const {
  if (estimated_rows <= 0) return std::nullopt;
  return std::min(0.99, static_cast<double>(rows) / estimated_rows);
}

std::optional<double> StatusDocument::Copy::seconds_left() const {
  const double rate = rows_per_second();
  if (rate <= 0 || estimated_rows <= static_cast<double>(rows)) return std::nullopt;
  return (estimated_rows - static_cast<double>(rows)) / rate;
}

std::string copy_progress_text(const StatusDocument::Copy& copy) {
  std::string text =
      fmt::format("{} rows, {} rows/s", format_count(copy.rows), format_count(static_cast<std::uint64_t>(std::llround(copy.rows_per_second()))));
  // Whole seconds: less would only flicker.
  if (const auto left = copy.seconds_left()) text += ", " + format_duration(std::chrono::seconds(std::max(1LL, std::llround(*left)))) + " left";
  return text;
}

StatusDocument make_status(const DriverStatus& driver, PgTimestamp now, const std::optional<DestinationHealth>& health) {
  const PipelineStatus& pipeline = driver.pipeline;
  StatusDocument document;
  document.state = driver.state;
  document.server = to_string(pipeline.server);
  document.received = to_string(pipeline.received);
  document.durable = to_string(pipeline.durable);
  document.acknowledged = to_string(pipeline.acknowledged);
  document.lag_bytes = pipeline.server > pipeline.durable ? pipeline.server.value - pipeline.durable.value : 0;
  if (pipeline.oldest_unfinished_commit) {
    document.lag_seconds = std::max(0.0, static_cast<double>(now.micros - pipeline.oldest_unfinished_commit->micros) / 1e6);
  }
  document.rows = pipeline.rows;
  document.batches = pipeline.batches;
  document.transactions = pipeline.transactions;
  document.reconnects = driver.reconnects;
  const SlotFacts& slot = driver.slot;
  document.slot.exists = slot.exists;
  document.slot.active = slot.active || pipeline.session;
  document.slot.wal_status = slot.wal_status;
  document.slot.confirmed_flush = to_string(std::max(slot.confirmed_flush, pipeline.acknowledged));
  document.slot.restart = to_string(slot.restart);
  document.slot.invalidation_reason = slot.invalidation_reason;
  document.slot.safe_wal_bytes = slot.safe_wal_bytes;
  for (const TableStatus& status : pipeline.tables) {
    StatusDocument::Table table = table_of(status.record, pipeline.durable);
    table.rows = status.rows_streamed;
    for (const CopyProgress& copy : driver.copies) {
      if (copy.oid != status.record.oid) continue;
      table.copy = StatusDocument::Copy{copy.phase, copy.rows, copy.bytes, copy.estimated_rows, static_cast<double>(copy.elapsed.count()) / 1e6};
    }
    if (health) {
      const auto found = health->tables.find(status.record.oid);
      const DestinationHealth::Table landing = found == health->tables.end() ? DestinationHealth::Table{} : found->second;
      table.landing = StatusDocument::Landing{landing.rows_landed,       landing.merged, landing.seconds_behind, landing.statements,
                                              landing.warehouse_seconds, landing.error};
    }
    document.tables.push_back(std::move(table));
  }
  sort_tables(document);
  if (health)
    document.link = StatusDocument::Link{health->breaker, health->last_error, health->retries, health->rows_sent, health->bytes_sent, health->common};
  if (driver.error) document.error = StatusDocument::Problem{driver.error->code, driver.error->what, driver.error->hint};
  show_gap(document);
  return document;
}

void fill_tables(StatusDocument& document, const std::vector<TableRecord>& records, Lsn durable) {
  for (const TableRecord& record : records) document.tables.push_back(table_of(record, durable));
  sort_tables(document);
  show_gap(document);
}

std::string to_json(const StatusDocument& document) {
  json tables = json::array();
  for (const auto& table : document.tables) tables.push_back(json_of(table));
  json slot{{"name", document.slot.name},
            {"exists", document.slot.exists},
            {"active", document.slot.active},
            {"wal_status", document.slot.wal_status},
            {"confirmed_flush", document.slot.confirmed_flush},
            {"restart", document.slot.restart},
            {"invalidation_reason", document.slot.invalidation_reason},
            {"safe_wal_bytes", nullptr}};
  if (document.slot.safe_wal_bytes) slot["safe_wal_bytes"] = *document.slot.safe_wal_bytes;
  json error = nullptr;
  if (document.error) error = {{"code", document.error->code}, {"what", document.error->what}, {"hint", document.error->hint}};
  nlohmann::ordered_json out{
      {"pipeline", document.pipeline},
      {"source", document.source},
      {"destination", document.destination},
      {"state", document.state},
      {"mode", document.mode},
      {"pid", document.pid},
      {"lsn", {{"server", document.server}, {"received", document.received}, {"durable", document.durable}, {"acknowledged", document.acknowledged}}},
      {"lag", {{"bytes", document.lag_bytes}, {"seconds", document.lag_seconds}}},
      {"totals",
       {{"rows", document.rows}, {"batches", document.batches}, {"transactions", document.transactions}, {"reconnects", document.reconnects}}},
      {"slot", slot},
      {"tables", tables},
      {"error", error}};
  if (document.link) {
    const auto& link = *document.link;
    out["link"] = {{"breaker", link.breaker},     {"last_error", nullptr},         {"retries", link.retries},
                   {"rows_sent", link.rows_sent}, {"bytes_sent", link.bytes_sent}, {"common", nullptr}};
    if (!link.last_error.empty()) out["link"]["last_error"] = link.last_error;
    if (!link.common.empty()) out["link"]["common"] = link.common;
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<StatusDocument> parse_status(std::string_view text) {
  try {
    const json in = json::parse(text);
    StatusDocument document;
    document.pipeline = in.at("pipeline");
    document.source = in.at("source");
    document.destination = in.at("destination");
    document.state = in.at("state");
    document.mode = in.at("mode");
    document.pid = in.at("pid");
    const json& lsn = in.at("lsn");
    document.server = lsn.at("server");
    document.received = lsn.at("received");
    document.durable = lsn.at("durable");
    document.acknowledged = lsn.at("acknowledged");
    document.lag_bytes = in.at("lag").at("bytes");
    document.lag_seconds = in.at("lag").at("seconds");
    const json& totals = in.at("totals");
    document.rows = totals.at("rows");
    document.batches = totals.at("batches");
    document.transactions = totals.at("transactions");
    document.reconnects = totals.at("reconnects");
    const json& slot = in.at("slot");
    document.slot = {
        slot.at("name"),   slot.at("wal_status"), slot.at("confirmed_flush"), slot.at("restart"), slot.at("invalidation_reason"), slot.at("exists"),
        slot.at("active"), std::nullopt};
    if (slot.at("safe_wal_bytes").is_number()) document.slot.safe_wal_bytes = slot.at("safe_wal_bytes");
    for (const json& table : in.at("tables")) document.tables.push_back(table_of(table));
    if (const json& error = in.at("error"); error.is_object())
      document.error = StatusDocument::Problem{error.at("code"), error.at("what"), error.at("hint")};
    if (in.contains("link")) {
      const json& link = in.at("link");
      document.link =
          StatusDocument::Link{link.at("breaker"),    link.at("last_error").is_string() ? link.at("last_error").get<std::string>() : std::string(),
                               link.at("retries"),    link.at("rows_sent"),
                               link.at("bytes_sent"), link.at("common").is_string() ? link.at("common").get<std::string>() : std::string()};
    }
    return document;
  } catch (const json::exception&) {
    return fatal("control", "the running luge answered with a status of another shape", "is it the same version of luge that runs there?");
  }
}

std::string to_text(const StatusDocument& document) {
  std::string out = fmt::format("{}  {}\n", document.pipeline, document.state);
  out += fmt::format("  {} → {}\n", document.source.empty() ? "?" : document.source, document.destination);
  if (document.state != "not_running") {
    out += fmt::format("  lag {}, {}   server {}  received {}  durable {}  acknowledged {}\n", format_bytes(document.lag_bytes),
                       format_duration(Duration(static_cast<std::int64_t>(document.lag_seconds * 1e6))), document.server, document.received,
                       document.durable, document.acknowledged);
    out += fmt::format("  slot {}  {}{}\n", document.slot.name, document.slot.wal_status.empty() ? "unknown" : document.slot.wal_status,
                       document.slot.safe_wal_bytes
                           ? ", " + format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, *document.slot.safe_wal_bytes))) +
                                 " of WAL until it is given up"
                           : "");
    out += fmt::format("  {} changes in {} transactions and {} batches\n", format_count(document.rows), format_count(document.transactions),
                       format_count(document.batches));
  } else {
    out += fmt::format("  durable {}  acknowledged {}\n", document.durable, document.acknowledged);
  }
  if (document.link) {
    out += fmt::format("  sent {} rows, {}; breaker {}{}{}\n", format_count(document.link->rows_sent), format_bytes(document.link->bytes_sent),
                       document.link->breaker, document.link->retries > 0 ? ", " + format_count(document.link->retries) + " retries" : "",
                       document.link->last_error.empty() ? "" : ", last error: " + document.link->last_error);
    if (!document.link->common.empty()) out += fmt::format("  all tables are complete up to {}\n", document.link->common);
  }
  if (document.error)
    out += fmt::format("  {} ({})\n{}", document.error->what, document.error->code,
                       document.error->hint.empty() ? "" : "  → " + document.error->hint + "\n");
  out += "\n";
  using enum TextTable::Align;
  TextTable table = document.link ? TextTable({"TABLE", "STATE", "CHANGES", "POSITION", "LANDED", "MERGED", "BEHIND", "STATEMENTS", "WAREHOUSE"},
                                              {left, left, right, left, right, left, right, right, right})
                                  : TextTable({"TABLE", "STATE", "CHANGES", "POSITION"}, {left, left, right, left});
  for (const auto& one : document.tables) {
    std::vector<std::string> cells{to_string(TableName{one.schema, one.name}), state_text(one), format_count(one.rows), one.position};
    if (document.link) {
      const StatusDocument::Landing landing = one.landing.value_or(StatusDocument::Landing{});
      cells.insert(cells.end(), {format_count(landing.rows_landed), landing.merged, fmt::format("{:.0f} s", landing.seconds_behind),
                                 format_count(landing.statements), fmt::format("{:.1f} s", landing.warehouse_seconds)});
    }
    table.add(std::move(cells));
  }
  out += document.tables.empty() ? "  no tables yet\n" : table.text("  ");
  for (const auto& one : document.tables) {
    if (!one.quarantine) continue;
    out += fmt::format("\n  {}: {}\n  → {}\n", to_string(TableName{one.schema, one.name}), one.quarantine->reason, one.quarantine->fix);
  }
  for (const auto& one : document.tables) {
    if (one.landing && !one.landing->error.empty())
      out += fmt::format("\n  {}: merging fails: {}\n", to_string(TableName{one.schema, one.name}), one.landing->error);
  }
  return out;
}

ExitCode exit_code_of(const StatusDocument& document) {
  const bool stopped = std::ranges::any_of(document.tables, [](const auto& table) { return table.state == "quarantined" || table.state == "gap"; });
  const bool gap = document.error && document.state != "live" && (document.error->code == "gap" || document.error->code == "identity");
  return stopped || gap ? ExitCode::operator_decision : ExitCode::done;
}

}  // namespace luge
