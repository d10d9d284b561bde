#include "service/metrics/metric_table.h"

#include <array>

#include "base/ensure.h"

namespace luge {

namespace {

using enum Metric;
using enum MetricType;

constexpr std::string_view kPipeline = "pipeline";
constexpr std::string_view kTable = "pipeline,schema,table";

constexpr std::array kMetrics{
    MetricSpec{pipeline_active, "pipeline_active", gauge, kPipeline,
               "1 while the pipeline works (it connects, copies, follows the source or drains), 0 while it is paused, stopped or failed."},
    MetricSpec{throughput_rows, "etl_throughput_rows", gauge, kPipeline,
               "Rows per second that became durable in the destination, over the last samples (about 15 seconds)."},
    MetricSpec{pipeline_info, "luge_pipeline_info", gauge, "pipeline,source,destination,mode", "1; what the pipeline connects, in its labels."},
    MetricSpec{pipeline_state, "luge_pipeline_state", gauge, "pipeline,state", "1 for the state the pipeline is in."},
    MetricSpec{pipeline_wanted, "luge_pipeline_wanted", gauge, kPipeline, "1 if the pipeline is meant to run."},
    MetricSpec{pipeline_error, "luge_pipeline_error", gauge, "pipeline,code",
               "1 while the pipeline reconnects or has failed because of an error with this code."},
    MetricSpec{Metric::lag_bytes, "luge_lag_bytes", gauge, kPipeline, "WAL of the source that is not durable in the destination yet."},
    MetricSpec{Metric::lag_seconds, "luge_lag_seconds", gauge, kPipeline,
               "Age of the oldest committed transaction that is not durable in the destination yet; 0 when there is none."},
    MetricSpec{lsn_bytes, "luge_lsn_bytes", gauge, "pipeline,position",
               "Positions in the source's WAL: its end (server), what was read (received), what is durable, what was acknowledged."},
    MetricSpec{commit_to_durable, "luge_commit_to_durable_seconds", histogram, kPipeline,
               "From the commit at the source until it was durable in the destination, of the oldest transaction of each batch."},
    MetricSpec{rows, "luge_rows_total", counter, kPipeline, "Changed rows made durable in the destination."},
    MetricSpec{bytes, "luge_bytes_total", counter, kPipeline, "Size of the batches made durable, as they were built in memory."},
    MetricSpec{batches, "luge_batches_total", counter, kPipeline, "Batches made durable."},
    MetricSpec{transactions, "luge_transactions_total", counter, kPipeline, "Transactions of the source that were read."},
    MetricSpec{apply_seconds, "luge_apply_seconds_total", counter, kPipeline, "Time the destination spent on applying batches."},
    MetricSpec{reconnects, "luge_reconnects_total", counter, kPipeline, "Sessions with the source that were lost."},
    MetricSpec{restarts, "luge_restarts_total", counter, kPipeline, "Starts of the pipeline after it had ended by itself."},
    MetricSpec{spool_bytes, "luge_spool_bytes", gauge, kPipeline, "Changes of transactions that are still open, kept in memory and in spool files."},
    MetricSpec{memory_used, "luge_memory_used_bytes", gauge, kPipeline, "Memory that rows on their way take, out of the pipeline's budget."},
    MetricSpec{memory_limit, "luge_memory_limit_bytes", gauge, kPipeline, "The pipeline's memory budget; when it is used up, reading waits."},
    MetricSpec{tables, "luge_tables", gauge, "pipeline,state", "Tables of the pipeline in this state."},

    MetricSpec{breaker_state, "luge_breaker_state", gauge, "pipeline,state",
               "1 for the state of the circuit breaker before a destination behind a network (closed, half_open, open), 0 for the others."},
    MetricSpec{destination_failing, "luge_destination_failing", gauge, kPipeline, "1 if the last call to the destination failed."},
    MetricSpec{destination_retries, "luge_destination_retries_total", counter, kPipeline, "Calls to the destination that were repeated."},
    MetricSpec{destination_rows_sent, "luge_destination_rows_sent_total", counter, kPipeline,
               "Rows sent to the destination, repeated ones included."},
    MetricSpec{destination_bytes_sent, "luge_destination_bytes_sent_total", counter, kPipeline, "Bytes sent to the destination, before compression."},

    MetricSpec{table_state, "luge_table_state", gauge, "pipeline,schema,table,state", "1 for the state the table is in."},
    MetricSpec{table_rows, "luge_table_rows_total", counter, kTable, "Changes of the table that were read from the stream."},
    MetricSpec{table_quarantined, "luge_table_quarantined", gauge, "pipeline,schema,table,code",
               "1 while the table is stopped and waits for an operator, with the reason's code."},
    MetricSpec{copy_rows, "luge_copy_rows", gauge, kTable, "Rows that the running copy of the table has read."},
    MetricSpec{copy_bytes, "luge_copy_bytes", gauge, kTable, "Bytes that the running copy of the table has read."},
    MetricSpec{copy_estimated_rows, "luge_copy_estimated_rows", gauge, kTable,
               "Rows that the table is estimated to have; absent if it was never analysed."},
    MetricSpec{copy_elapsed, "luge_copy_elapsed_seconds", gauge, kTable, "How long the running copy of the table has taken so far."},
    MetricSpec{table_landed_rows, "luge_table_landed_rows_total", counter, kTable, "Rows of the table that landed in Snowflake."},
    MetricSpec{table_behind, "luge_table_behind_seconds", gauge, kTable, "Age of the oldest durable change that the table's current state lacks."},
    MetricSpec{table_statements, "luge_table_statements_total", counter, kTable, "Statements run for the table's current state."},
    MetricSpec{table_warehouse, "luge_table_warehouse_seconds_total", counter, kTable,
               "Time that statements for the table's current state took in the warehouse."},
    MetricSpec{table_merge_failing, "luge_table_merge_failing", gauge, kTable, "1 if the last attempt to bring the current state up to date failed."},

    MetricSpec{source_wal_mb, "pg_source_wal_size_mb", gauge, "source",
               "Size of the source's WAL directory in MiB; if that may not be read, what all its slots retain."},
    MetricSpec{source_wal_bytes, "luge_source_wal_bytes", gauge, "source", "The same in bytes."},
    MetricSpec{source_wal_rate, "luge_source_wal_written_bytes_per_second", gauge, "source", "WAL that the source writes, as last measured."},
    MetricSpec{source_level, "luge_source_level", gauge, "source",
               "How endangered the source's disk is: 0 ok, 1 warning, 2 danger; absent while it cannot be read."},
    MetricSpec{source_remaining, "luge_source_remaining_seconds", gauge, "source",
               "Time until the first slot is lost or the disk's limit is reached, at the present rate; absent while nothing threatens."},
    MetricSpec{wal_readings, "luge_wal_readings_total", counter, "source", "Looks of the monitor at the source's WAL."},
    MetricSpec{wal_failed_readings, "luge_wal_failed_readings_total", counter, "source", "Looks of the monitor at the source's WAL that failed."},
    MetricSpec{slot_active, "luge_slot_active", gauge, "source,slot", "1 while somebody reads from the replication slot."},
    MetricSpec{slot_retained, "luge_slot_retained_bytes", gauge, "source,slot", "WAL that the slot keeps the source from dropping."},
    MetricSpec{slot_safe_wal, "luge_slot_safe_wal_bytes", gauge, "source,slot",
               "WAL that may still be written before the source gives the slot up; absent without a limit."},
    MetricSpec{slot_remaining, "luge_slot_remaining_seconds", gauge, "source,slot",
               "Time until the slot is lost or the disk's limit is reached, at the present rate; absent while nothing threatens."},
    MetricSpec{cache_hits, "luge_schema_cache_hits_total", counter, "source", "Questions about the source's schema answered from the cache."},
    MetricSpec{cache_misses, "luge_schema_cache_misses_total", counter, "source", "Questions about the source's schema that it had to be asked."},
    MetricSpec{cache_queries, "luge_schema_cache_queries_total", counter, "source", "Queries of the source's catalogs."},
    MetricSpec{cache_tables, "luge_schema_cache_tables", gauge, "source", "Tables whose definition is in the cache."},

    MetricSpec{alerts, "luge_alerts", gauge, "kind,severity", "Alerts that fire."},
    MetricSpec{webhook_delivered, "luge_webhook_delivered_total", counter, "receiver", "Messages about alerts that the receiver took."},
    MetricSpec{webhook_failures, "luge_webhook_failures_total", counter, "receiver", "Attempts to deliver a message about an alert that failed."},
    MetricSpec{webhook_waiting, "luge_webhook_waiting", gauge, "receiver", "Messages about alerts that the receiver has not got yet."},

    MetricSpec{build_info, "luge_build_info", gauge, "version", "1; the version of luge, in its label."},
    MetricSpec{process_start, "process_start_time_seconds", gauge, "", "When the process started, in seconds since 1970."},
    MetricSpec{process_cpu, "process_cpu_seconds_total", counter, "", "CPU time of the process, user and system."},
    MetricSpec{process_memory, "process_resident_memory_bytes", gauge, "", "Memory of the process that is in RAM."},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    if (static_cast<std::size_t>(kMetrics[i].metric) != i) return false;
  }
  return kMetrics.size() == static_cast<std::size_t>(process_memory) + 1;
}
static_assert(in_order(), "one line for each metric, in the order of the enumeration");

std::string label_cell(std::string_view labels) {
  std::string out;
  while (!labels.empty()) {
    const std::size_t comma = labels.find(',');
    out += (out.empty() ? "`" : ", `") + std::string(labels.substr(0, comma)) + "`";
    labels = comma == std::string_view::npos ? "" : labels.substr(comma + 1);
  }
  return out;
}

void add_section(std::string& out, std::string_view heading, std::string_view text, Metric first, Metric last) {
  out += "## " + std::string(heading) + "\n\n";
  if (!text.empty()) out += std::string(text) + "\n\n";
  out += "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (auto i = static_cast<std::size_t>(first); i <= static_cast<std::size_t>(last); ++i) {
    const MetricSpec& spec = kMetrics.at(i);
    out += "| `" + std::string(spec.name) + "` | " + std::string(to_string(spec.type)) + " | " + label_cell(spec.labels) + " | " +
           std::string(spec.help) + " |\n";
  }
  out += "\n";
}

}  // namespace

std::span<const MetricSpec> metric_table() { return kMetrics; }

const MetricSpec& spec_of(Metric metric) { return kMetrics.at(static_cast<std::size_t>(metric)); }

std::string_view to_string(MetricType type) {
  switch (type) {
    case gauge: return "gauge";
    case counter: return "counter";
    case histogram: return "histogram";
  }
  ENSURE(false, "a type of metric that does not exist");
}

std::string metrics_reference() {
  std::string out =
      "# Metrics\n\n"
      "Made from the table of metrics in `src/service/metrics/metric_table.cpp`; a test compares this page with it.\n\n"
      "`GET /metrics` of `luge serve`, on port 9000 of 127.0.0.1 unless told otherwise, in Prometheus' text format. Labels are names of pipelines, "
      "sources and\n"
      "tables, states and codes of errors: never a value of a row, and never a password. Counters begin at 0 when the process starts, and again "
      "when a pipeline\n"
      "opens its destination anew. What is not known is absent. A dashboard and alert rules are in `deploy/`.\n\n"
      "Names and units follow Prometheus' conventions, and `promtool check metrics` is content, with one exception: `pg_source_wal_size_mb` is "
      "called as\n"
      "monitoring of PostgreSQL expects it; `luge_source_wal_bytes` is the same in the base unit.\n\n";
  add_section(out, "Pipelines", "", pipeline_active, tables);
  add_section(out, "Destinations behind a network", "Snowflake only.", breaker_state, destination_bytes_sent);
  add_section(out, "Tables", "`luge_copy_*` exist while a copy runs; from `luge_table_landed_rows_total` on: Snowflake only.", table_state,
              table_merge_failing);
  add_section(out, "Sources", "From the monitor of the source's WAL and from the cache of its schema.", source_wal_mb, cache_tables);
  add_section(out, "Alerts", "", alerts, webhook_waiting);
  add_section(out, "Process", "", build_info, process_memory);
  out.pop_back();
  return out;
}

}  // namespace luge
