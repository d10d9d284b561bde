#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/duration_histogram.h"
#include "model/table_record.h"

namespace luge {

struct TableStatus {
  TableRecord record;
  std::uint64_t rows_streamed = 0;  ///< changes routed since the start of the process
};

/// A copy of what the pipeline knows about itself; for status, metrics and the driver's decisions.
struct PipelineStatus {
  bool session = false;             ///< connected and streaming
  bool paused = false;              ///< by an operator
  Lsn received;                     ///< last commit or keepalive seen
  Lsn durable;                      ///< everything up to here is durable in the destination
  Lsn intent;                       ///< stored ack_intent; never acknowledged beyond
  Lsn acknowledged;                 ///< last flush position sent
  Lsn server;                       ///< last known end of the server's WAL
  std::optional<PgTimestamp> oldest_unfinished_commit;  ///< commit time of the oldest transaction not durable yet
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;          ///< of the batches that are durable, as they were built
  std::uint64_t batches = 0;
  std::uint64_t transactions = 0;
  Duration applying{0};             ///< time the destination took for them
  /// From the commit until it was durable, of the oldest transaction of each batch: no other of it took longer.
  DurationHistogram commit_to_durable;
  std::size_t spool_bytes = 0;
  std::vector<TableStatus> tables;
};

}  // namespace luge
