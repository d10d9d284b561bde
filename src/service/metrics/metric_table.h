#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace luge {

/// Every metric of /metrics. The table below says what each is called; docs/reference/metrics.md is made from it.
enum class Metric : std::uint8_t {
  // of a pipeline
  pipeline_active,
  throughput_rows,
  pipeline_info,
  pipeline_state,
  pipeline_wanted,
  pipeline_error,
  lag_bytes,
  lag_seconds,
  lsn_bytes,
  commit_to_durable,
  rows,
  bytes,
  batches,
  transactions,
  apply_seconds,
  reconnects,
  restarts,
  spool_bytes,
  memory_used,
  memory_limit,
  tables,
  // of the way to a destination behind a network
  breaker_state,
  destination_failing,
  destination_retries,
  destination_rows_sent,
  destination_bytes_sent,
  // of a table
  table_state,
  table_rows,
  table_quarantined,
  copy_rows,
  copy_bytes,
  copy_estimated_rows,
  copy_elapsed,
  table_landed_rows,
  table_behind,
  table_statements,
  table_warehouse,
  table_merge_failing,
  // of a source
  source_wal_mb,
  source_wal_bytes,
  source_wal_rate,
  source_level,
  source_remaining,
  wal_readings,
  wal_failed_readings,
  slot_active,
  slot_retained,
  slot_safe_wal,
  slot_remaining,
  cache_hits,
  cache_misses,
  cache_queries,
  cache_tables,
  // of alerts
  alerts,
  webhook_delivered,
  webhook_failures,
  webhook_waiting,
  // of the process
  build_info,
  process_start,
  process_cpu,
  process_memory,
};

enum class MetricType : std::uint8_t { gauge, counter, histogram };

/// One line of the table.
struct MetricSpec {
  Metric metric;
  std::string_view name;
  MetricType type;
  std::string_view labels;  ///< separated by commas, in the order in which values are given
  std::string_view help;    ///< one sentence
};

/// In the order of the enumeration.
std::span<const MetricSpec> metric_table();
const MetricSpec& spec_of(Metric metric);
std::string_view to_string(MetricType type);

/// docs/reference/metrics.md.
std::string metrics_reference();

}  // namespace luge
