#include "app/control_service.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "app/name_pattern.h"
#include "app/pipeline_host.h"
#include "app/query_stream.h"
#include "app/usage_error.h"
#include "app/verify/verify_service.h"
#include "postgres/cancel_on_stop.h"
#include "source/session.h"

namespace luge {

namespace {

using nlohmann::json;

constexpr auto kOpeningTimeout = std::chrono::seconds(10);
constexpr auto kOpeningPoll = std::chrono::milliseconds(20);
constexpr Duration kCatalogTimeout = std::chrono::seconds(20);

/// While luge starts, or opens the mirror again, the question waits for it.
Result<std::shared_ptr<ReadHandle>> await_reader(PipelineHost& host, const ControlReply& reply) {
  const auto deadline = std::chrono::steady_clock::now() + kOpeningTimeout;
  for (;;) {
    auto reader = host.driver().read();
    if (reader || reader.error().code != "closed" || reply.stop().stop_requested() || std::chrono::steady_clock::now() > deadline) return reader;
    std::this_thread::sleep_for(kOpeningPoll);
  }
}

Result<std::string> answer_query(PipelineHost& host, const ControlRequest& request, const ControlReply& reply) {
  TRY(const auto reader, await_reader(host, reply));
  const std::stop_callback nobody_waits(reply.stop(), [&reader] { reader->cancel(); });
  TRY(const std::uint64_t rows, stream_query(*reader, request.arg("sql"), [&](const std::string& line) { return reply.line(line); }));
  return json{{"rows", rows}}.dump();
}

/// Paused, the pipeline does not hear how far the server is: then the server is asked.
std::string answer_status(PipelineHost& host, const ControlReply& reply) {
  StatusDocument document = host.status();
  if (!document.paused) return to_json(document);
  auto sql = Connection::open(host.source(), Connection::Kind::sql, reply.stop());
  if (!sql) return to_json(document);
  const CancelOnStop cancel(*sql, reply.stop());
  const auto facts = read_slot_facts(*sql, document.slot.name);
  if (facts) fill_source(document, *facts, Lsn::parse(document.durable).value_or(Lsn{}));
  return to_json(document);
}

Result<std::string> answer_pause(PipelineHost& host, bool paused) {
  CHECK_OK(host.driver().pause(paused));
  return json{{"paused", paused}}.dump();
}

Result<std::string> answer_resync(PipelineHost& host, const ControlRequest& request) {
  TRY(const auto names, resync_tables(host, request.arg("table")));
  return json{{"resync", names}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<std::vector<TableName>> match_tables(const std::string& pattern, const std::vector<TableName>& known) {
  const auto parts = parse_name_patterns(pattern);
  if (!parts || parts->size() > 2) return usage_error("'" + pattern + "' names no table", "write schema.table");
  const NamePattern& table = parts->back();
  std::vector<TableName> found;
  std::vector<std::string> names;
  for (const TableName& name : known) {
    names.push_back(to_string(name));
    if (table.matches(name.table) && (parts->size() == 1 || parts->front().matches(name.schema))) found.push_back(name);
  }
  if (found.empty()) {
    const std::string near = suggestion(pattern, names);
    return usage_error("luge follows no table '" + pattern + "'", near.empty() ? "luge status lists the tables" : near);
  }
  if (found.size() > 1 && parts->size() == 1 && table.exact()) {
    return usage_error("'" + pattern + "' is in several schemas", "write " + to_string(found.front()));
  }
  return found;
}

Result<std::vector<std::string>> resync_tables(PipelineHost& host, const std::string& pattern) {
  CHECK_OK(host.driver().await_catalog(kCatalogTimeout));
  std::vector<TableName> known;
  for (const TableStatus& table : host.driver().status().pipeline.tables) {
    if (table.record.state != TableState::dropped) known.push_back(table.record.name);
  }
  TRY(const auto tables, match_tables(pattern, known));
  std::vector<std::string> names;
  for (const TableName& table : tables) {
    CHECK_OK(host.driver().resync(table));
    names.push_back(to_string(table));
  }
  return names;
}

ControlHandler make_control_handler(PipelineHost& host) {
  return [&host](const ControlRequest& request, const ControlReply& reply) -> Result<std::string> {
    if (request.verb == "status") return answer_status(host, reply);
    if (request.verb == "pause" || request.verb == "resume") return answer_pause(host, request.verb == "pause");
    if (request.verb == "query") return answer_query(host, request, reply);
    if (request.verb == "resync") return answer_resync(host, request);
    if (request.verb == "verify") return answer_verify(host, request, reply);
    return usage_error("the running luge knows no " + request.verb, "is it an older version?");
  };
}

}  // namespace luge
