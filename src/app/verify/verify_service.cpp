#include "app/verify/verify_service.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "app/control_service.h"
#include "app/last_run.h"
#include "app/name_pattern.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/table_selection.h"
#include "app/usage_error.h"
#include "source/catalog_reader.h"
#include "source/slot.h"

namespace luge {

namespace {
constexpr Duration kCatalogTimeout = std::chrono::seconds(20);

/// The tables that the mirror should have. A pipeline that takes in none by itself goes by what the last run was asked for.
Result<TableSelection> selected_tables(const PipelineHost& host) {
  if (host.selection()) return *host.selection();
  return TableSelection::parse(load_last_run(host.places().directory).tables.value_or(host.options().tables));
}

/// The tables that the patterns mean, of those the mirror knows and those it should know.
Result<std::vector<TableName>> named_tables(PipelineHost& host, const std::string& patterns, const VerifyScope& scope, const std::stop_token& stop) {
  std::vector<TableName> known;
  for (const TableStatus& table : host.driver().status().pipeline.tables) known.push_back(table.record.name);
  TRY(Connection sql, Connection::open(host.source(), Connection::Kind::sql, stop));
  TRY(const auto listed, CatalogReader(sql, scope.publication).list_names());
  for (const ListedTable& table : listed) {
    if (scope.selected(table.name)) known.push_back(table.name);
  }
  std::ranges::sort(known);  // several tables may have had a name one after the other
  known.erase(std::ranges::unique(known).begin(), known.end());
  std::vector<TableName> named;
  for (const std::string& pattern : split_outside_quotes(patterns, ',')) {
    TRY(const auto matched, match_tables(pattern, known));
    named.insert(named.end(), matched.begin(), matched.end());
  }
  return named;
}

}  // namespace

Result<VerifyReport> verify_host(PipelineHost& host, const std::string& patterns, std::size_t keys, std::function<void(const TableName&)> on_table,
                                 const std::stop_token& stop) {
  if (host.options().mode == "log")
    return usage_error("this pipeline keeps a log, and verify compares mirrors", "follow the tables with --mode mirror to compare them");
  VerifyRequest request;
  if (host.places().destination.kind == DestinationName::Kind::snowflake) {
    TRY(request.snowflake, require_snowflake(host.options()));
    if (request.snowflake->current_state == SnowflakeOptions::CurrentState::none)
      return usage_error("with current_state: none there is no mirror, and verify compares mirrors", "use current_state: merge, or view");
  } else if (host.places().destination.kind != DestinationName::Kind::duckdb) {
    return usage_error("verify compares mirrors in DuckDB and Snowflake; " + host.places().destination.text() + " keeps none");
  }
  if (host.driver().status().pipeline.paused) return not_while_paused();
  // With no table known yet there would be no difference either.
  CHECK_OK(host.driver().await_catalog(kCatalogTimeout));
  request.source = host.source();
  TRY(const TableSelection selected, selected_tables(host));
  request.scope.selected = [&selected](const TableName& name) { return selected.includes(name); };
  request.scope.publication = default_slot_name(host.options().pipeline);
  request.keys = keys;
  request.on_table = std::move(on_table);
  request.stop = stop;
  if (!patterns.empty()) {
    TRY(request.scope.named, named_tables(host, patterns, request.scope, stop));
  }
  return verify(host.driver(), request);
}

Error not_while_paused() {
  return make_error(Recovery::retry, "paused", "the pipeline is paused: the mirror does not get to the LSN at which both sides are compared",
                    "luge resume lets it go on");
}

Result<std::string> answer_verify(PipelineHost& host, const ControlRequest& request, const ControlReply& reply) {
  std::size_t keys = 10;
  const std::string text = request.arg("keys");
  std::from_chars(text.data(), text.data() + text.size(), keys);
  const auto name_table = [&](const TableName& table) {
    reply.line(nlohmann::json{{"table", to_string(table)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  };
  TRY(const VerifyReport report, verify_host(host, request.arg("tables"), keys, name_table, reply.stop()));
  return to_json(report);
}

}  // namespace luge
