#include "service/status_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace luge {

namespace {

using nlohmann::json;

void sort_tables(StatusDocument& document) {
  std::ranges::sort(document.tables,
                    [](const auto& a, const auto& b) { return std::tie(a.schema, a.name, a.oid) < std::tie(b.schema, b.name, b.oid); });
}

StatusDocument::Table table_of(const TableRecord& record, Lsn durable) {
  StatusDocument::Table table;
  table.oid = record.oid;
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
  json out{{"oid", table.oid},   {"schema", table.schema},     {"name", table.name},    {"state", table.state},
           {"rows", table.rows}, {"position", table.position}, {"quarantine", nullptr}, {"copy", nullptr}};
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
  table.oid = object.at("oid");
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

/// A value or null.
template <class T>
json json_of(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

template <class T>
std::optional<T> optional_of(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

json json_of(const StatusDocument::Slot& slot) {
  json out{{"name", slot.name},
           {"exists", nullptr},
           {"active", nullptr},
           {"wal_status", nullptr},
           {"confirmed_flush", nullptr},
           {"restart", nullptr},
           {"invalidation_reason", nullptr},
           {"safe_wal_bytes", nullptr}};
  if (!slot.facts) return out;
  out["exists"] = slot.facts->exists;
  out["active"] = slot.facts->active;
  out["wal_status"] = slot.facts->wal_status;
  out["confirmed_flush"] = to_string(slot.facts->confirmed_flush);
  out["restart"] = to_string(slot.facts->restart);
  out["invalidation_reason"] = slot.facts->invalidation_reason;
  out["safe_wal_bytes"] = json_of(slot.facts->safe_wal_bytes);
  return out;
}

StatusDocument::Slot slot_of(const json& object) {
  StatusDocument::Slot slot{object.at("name"), std::nullopt};
  if (object.at("exists").is_null()) return slot;
  SlotFacts& facts = slot.facts.emplace();
  facts.exists = object.at("exists");
  facts.active = object.at("active");
  facts.wal_status = object.at("wal_status");
  facts.confirmed_flush = Lsn::parse(object.at("confirmed_flush").get<std::string>()).value_or(Lsn{});
  facts.restart = Lsn::parse(object.at("restart").get<std::string>()).value_or(Lsn{});
  facts.invalidation_reason = object.at("invalidation_reason");
  facts.safe_wal_bytes = optional_of<std::int64_t>(object.at("safe_wal_bytes"));
  return slot;
}

StatusDocument::Problem problem_of(const json& object) {
  StatusDocument::Problem problem{object.at("code"), object.at("what"), object.at("hint"), std::nullopt};
  if (object.contains("exit_code")) problem.exit_code = object.at("exit_code").get<int>();
  return problem;
}

json json_of(const StatusDocument::Problem& problem) {
  json out{{"code", problem.code}, {"what", problem.what}, {"hint", problem.hint}};
  if (problem.exit_code) out["exit_code"] = *problem.exit_code;
  return out;
}

/// `tables` is the member that tells of the tables.
nlohmann::ordered_json json_of(const StatusDocument& document, const char* tables_name, const json& tables) {
  nlohmann::ordered_json out{
      {"pipeline", document.pipeline},
      {"source", document.source},
      {"destination", document.destination},
      {"state", document.state},
      {"paused", document.paused},
      {"mode", document.mode},
      {"pid", document.pid},
      {"lsn",
       {{"server", json_of(document.server)},
        {"received", document.received},
        {"durable", document.durable},
        {"acknowledged", document.acknowledged}}},
      {"lag", {{"bytes", json_of(document.lag_bytes)}, {"seconds", json_of(document.lag_seconds)}}},
      {"totals",
       {{"rows", document.rows}, {"batches", document.batches}, {"transactions", document.transactions}, {"reconnects", document.reconnects}}},
      {"slot", json_of(document.slot)},
      {tables_name, tables},
      {"error", document.error ? json_of(*document.error) : json(nullptr)}};
  if (document.link) {
    const auto& link = *document.link;
    out["link"] = {{"breaker", link.breaker},     {"last_error", nullptr},         {"retries", link.retries},
                   {"rows_sent", link.rows_sent}, {"bytes_sent", link.bytes_sent}, {"common", nullptr}};
    if (!link.last_error.empty()) out["link"]["last_error"] = link.last_error;
    if (!link.common.empty()) out["link"]["common"] = link.common;
  }
  return out;
}

/// Names of a source with another encoding are no reason to fail.
template <class Json>
std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
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

StatusDocument make_status(const DriverStatus& driver, PgTimestamp now, const std::optional<DestinationHealth>& health) {
  const PipelineStatus& pipeline = driver.pipeline;
  StatusDocument document;
  document.state = driver.state;
  document.paused = pipeline.paused;
  document.received = to_string(pipeline.received);
  document.durable = to_string(pipeline.durable);
  document.acknowledged = to_string(pipeline.acknowledged);
  document.rows = pipeline.rows;
  document.batches = pipeline.batches;
  document.transactions = pipeline.transactions;
  document.reconnects = driver.reconnects;
  const bool reached = driver.server_version != 0;
  if (reached && pipeline.session && !pipeline.paused) {  // who reads nothing hears nothing of the server
    document.server = to_string(pipeline.server);
    document.lag_bytes = pipeline.server > pipeline.durable ? pipeline.server.value - pipeline.durable.value : 0;
    document.lag_seconds = 0;
    if (pipeline.oldest_unfinished_commit) {
      document.lag_seconds = std::max(0.0, static_cast<double>(now.micros - pipeline.oldest_unfinished_commit->micros) / 1e6);
    }
  }
  if (reached) {
    SlotFacts& slot = document.slot.facts.emplace(driver.slot);
    slot.active = slot.active || pipeline.session;
    slot.confirmed_flush = std::max(slot.confirmed_flush, pipeline.acknowledged);
  }
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
  if (driver.error) document.error = StatusDocument::Problem{driver.error->code, driver.error->what, driver.error->hint, std::nullopt};
  show_gap(document);
  return document;
}

void fill_tables(StatusDocument& document, const std::vector<TableRecord>& records, Lsn durable) {
  for (const TableRecord& record : records) document.tables.push_back(table_of(record, durable));
  sort_tables(document);
  show_gap(document);
}

void fill_source(StatusDocument& document, const SessionFacts& source, Lsn durable) {
  document.slot.facts = source.slot;
  document.server = to_string(source.server_lsn);
  document.lag_bytes = source.server_lsn > durable ? source.server_lsn.value - durable.value : 0;
}

StatusDocument::Problem problem_of(const Error& error) { return {error.code, error.what, error.hint, static_cast<int>(error.exit_code)}; }

std::string to_json(const StatusDocument& document) {
  json tables = json::array();
  for (const auto& table : document.tables) tables.push_back(json_of(table));
  return text_of(json_of(document, "tables", tables));
}

std::string to_json(const StatusDocument::Table& table) { return text_of(json_of(table)); }

std::map<std::string, std::uint64_t> table_counts(const StatusDocument& document) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& table : document.tables) ++counts[table.state];
  if (!document.elsewhere) return counts;
  const auto& told = *document.elsewhere;
  if (told.quarantined > 0) counts["quarantined"] = told.quarantined;
  if (told.tables > told.quarantined) counts["unknown"] = told.tables - told.quarantined;
  return counts;
}

std::string summary_json(const StatusDocument& document) {
  nlohmann::ordered_json out = json_of(document, "table_counts", json(table_counts(document)));
  out["elsewhere"] = nullptr;
  if (document.elsewhere) {
    out["elsewhere"] = document.elsewhere->owner;
    for (const char* total : {"rows", "batches", "transactions", "reconnects"}) out["totals"][total] = nullptr;
  }
  return text_of(out);
}

Result<StatusDocument> parse_status(std::string_view text) {
  try {
    const json in = json::parse(text);
    StatusDocument document;
    document.pipeline = in.at("pipeline");
    document.source = in.at("source");
    document.destination = in.at("destination");
    document.state = in.at("state");
    document.paused = in.at("paused");
    document.mode = in.at("mode");
    document.pid = in.at("pid");
    const json& lsn = in.at("lsn");
    document.server = optional_of<std::string>(lsn.at("server"));
    document.received = lsn.at("received");
    document.durable = lsn.at("durable");
    document.acknowledged = lsn.at("acknowledged");
    document.lag_bytes = optional_of<std::uint64_t>(in.at("lag").at("bytes"));
    document.lag_seconds = optional_of<double>(in.at("lag").at("seconds"));
    const json& totals = in.at("totals");
    document.rows = totals.at("rows");
    document.batches = totals.at("batches");
    document.transactions = totals.at("transactions");
    document.reconnects = totals.at("reconnects");
    document.slot = slot_of(in.at("slot"));
    for (const json& table : in.at("tables")) document.tables.push_back(table_of(table));
    if (const json& error = in.at("error"); error.is_object()) document.error = problem_of(error);
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

ExitCode exit_code_of(const StatusDocument& document) {
  const bool stopped = std::ranges::any_of(document.tables, [](const auto& table) { return table.state == "quarantined" || table.state == "gap"; });
  const bool gap = document.error && document.state != "live" && (document.error->code == "gap" || document.error->code == "identity");
  return stopped || gap ? ExitCode::operator_decision : ExitCode::done;
}

}  // namespace luge
