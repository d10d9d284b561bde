#pragma once
#include <cstddef>
#include <string>

namespace luge {

/// How the mirror's file is opened.
struct DuckdbOptions {
  std::string path;                                ///< made if it does not exist, with mode 0600
  std::size_t memory_limit_bytes = 128U << 20;     ///< DuckDB's share of the process's budget; beyond it DuckDB spills beside the file
  unsigned threads = 1;                            ///< of DuckDB; the pipeline has the other core
  std::size_t checkpoint_wal_bytes = 256U << 20;   ///< DuckDB rewrites its file when the log beside it is larger
};

}  // namespace luge
