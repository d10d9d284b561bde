#include <map>
#include <unordered_map>

#include "service/metrics/metrics_page.h"

namespace luge {

namespace {

double number(std::uint64_t count) { return static_cast<double>(count); }
double number(bool yes) { return yes ? 1 : 0; }

void add_progress(Exposition& page, const PipelineReport& report, PgTimestamp now) {
  const std::string& name = report.name;
  const PipelineStatus& status = report.driver.pipeline;
  if (const auto bytes = luge::lag_bytes(report)) page.add(Metric::lag_bytes, {name}, number(*bytes));
  if (const auto age = luge::lag_seconds(report, now)) page.add(Metric::lag_seconds, {name}, *age);
  if (!status.server.is_zero()) page.add(Metric::lsn_bytes, {name, "server"}, number(status.server.value));
  page.add(Metric::lsn_bytes, {name, "received"}, number(status.received.value));
  page.add(Metric::lsn_bytes, {name, "durable"}, number(status.durable.value));
  page.add(Metric::lsn_bytes, {name, "acknowledged"}, number(status.acknowledged.value));
  page.add(Metric::commit_to_durable, {name}, status.commit_to_durable);
  page.add(Metric::rows, {name}, number(status.rows));
  page.add(Metric::bytes, {name}, number(status.bytes));
  page.add(Metric::batches, {name}, number(status.batches));
  page.add(Metric::transactions, {name}, number(status.transactions));
  page.add(Metric::apply_seconds, {name}, in_seconds(status.applying));
  page.add(Metric::reconnects, {name}, report.driver.reconnects);
  page.add(Metric::restarts, {name}, number(report.restarts));
  page.add(Metric::spool_bytes, {name}, number(std::uint64_t{status.spool_bytes}));
  if (report.driver.memory_limit_bytes > 0) {
    page.add(Metric::memory_used, {name}, number(std::uint64_t{report.driver.memory_used_bytes}));
    page.add(Metric::memory_limit, {name}, number(std::uint64_t{report.driver.memory_limit_bytes}));
  }
}

void add_link(Exposition& page, const std::string& name, const DestinationHealth& health) {
  for (const std::string_view state : {"closed", "half_open", "open"}) {
    page.add(Metric::breaker_state, {name, state}, number(health.breaker == state));
  }
  page.add(Metric::destination_failing, {name}, number(!health.last_error.empty()));
  page.add(Metric::destination_retries, {name}, number(health.retries));
  page.add(Metric::destination_rows_sent, {name}, number(health.rows_sent));
  page.add(Metric::destination_bytes_sent, {name}, number(health.bytes_sent));
}

void add_landing(Exposition& page, const std::string& pipeline, const TableName& table, const DestinationHealth::Table& landing) {
  page.add(Metric::table_landed_rows, {pipeline, table.schema, table.table}, number(landing.rows_landed));
  page.add(Metric::table_behind, {pipeline, table.schema, table.table}, landing.seconds_behind);
  page.add(Metric::table_statements, {pipeline, table.schema, table.table}, number(landing.statements));
  page.add(Metric::table_warehouse, {pipeline, table.schema, table.table}, landing.warehouse_seconds);
  page.add(Metric::table_merge_failing, {pipeline, table.schema, table.table}, number(!landing.error.empty()));
}

void add_copy(Exposition& page, const std::string& pipeline, const TableName& table, const CopyProgress& copy) {
  page.add(Metric::copy_rows, {pipeline, table.schema, table.table}, number(copy.rows));
  page.add(Metric::copy_bytes, {pipeline, table.schema, table.table}, number(copy.bytes));
  if (copy.estimated_rows >= 0) page.add(Metric::copy_estimated_rows, {pipeline, table.schema, table.table}, copy.estimated_rows);
  page.add(Metric::copy_elapsed, {pipeline, table.schema, table.table}, in_seconds(copy.elapsed));
}

void add_tables(Exposition& page, const PipelineReport& report) {
  const std::string& name = report.name;
  std::unordered_map<RelationOid, const CopyProgress*> copies;
  for (const CopyProgress& copy : report.driver.copies) copies.emplace(copy.oid, &copy);
  // A name may have belonged to several tables, one after the other: a page with two samples of one name and labels is refused.
  std::map<TableName, const TableStatus*> newest;
  std::map<std::string_view, std::uint64_t> counts;
  for (const TableStatus& table : report.driver.pipeline.tables) {
    ++counts[to_string(table.record.state)];
    const TableStatus*& kept = newest[table.record.name];
    if (kept == nullptr || kept->record.state == TableState::dropped) kept = &table;
  }
  for (const auto& [state, count] : counts) page.add(Metric::tables, {name, state}, number(count));
  for (const auto& [table_name, table] : newest) {
    const TableRecord& record = table->record;
    if (record.state == TableState::dropped) continue;
    page.add(Metric::table_state, {name, table_name.schema, table_name.table, to_string(record.state)}, 1);
    page.add(Metric::table_rows, {name, table_name.schema, table_name.table}, number(table->rows_streamed));
    if (record.quarantine) page.add(Metric::table_quarantined, {name, table_name.schema, table_name.table, record.quarantine->code}, 1);
    if (const auto copy = copies.find(record.oid); copy != copies.end()) add_copy(page, name, table_name, *copy->second);
    if (!report.health) continue;
    if (const auto landing = report.health->tables.find(record.oid); landing != report.health->tables.end())
      add_landing(page, name, table_name, landing->second);
  }
}

}  // namespace

void add_pipeline(Exposition& page, const PipelineReport& report, double rows_per_second, PgTimestamp now) {
  const std::string& name = report.name;
  page.add(Metric::pipeline_active, {name}, number(is_active(report)));
  page.add(Metric::throughput_rows, {name}, rows_per_second);
  page.add(Metric::pipeline_info, {name, report.source, report.destination, report.mode}, 1);
  page.add(Metric::pipeline_state, {name, report.driver.state}, 1);
  page.add(Metric::pipeline_wanted, {name}, number(report.wanted));
  if (report.driver.error) page.add(Metric::pipeline_error, {name, report.driver.error->code}, 1);
  add_progress(page, report, now);
  if (report.health) add_link(page, name, *report.health);
  add_tables(page, report);
}

}  // namespace luge
