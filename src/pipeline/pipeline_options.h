#pragma once
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "batch/spool.h"
#include "decode/relation_resolver.h"

namespace luge {

struct PipelineOptions {
  std::uint64_t batch_max_size = 100'000;                        ///< rows
  Duration batch_max_fill = std::chrono::milliseconds(500);      ///< age of the oldest row
  std::size_t batch_max_bytes = 64U << 20;
  Spool::Options spool;
  ColumnOptionsLookup columns = [](const TableName&, const std::string&, const PgType&) { return ColumnOptions{}; };
  bool hold_on_quarantine = false;                               ///< `on_quarantine: hold`: WAL is kept instead of acknowledged
  std::uint32_t max_parallel_copies = 1;                         ///< tables copied at once (each uses several connections)
  Duration save_interval = std::chrono::seconds(1);              ///< what is durable is stored so often at most (docs/decisions/0030)
  std::uint32_t frames_per_step = 4096;                          ///< bound of one step's reading
};

}  // namespace luge
