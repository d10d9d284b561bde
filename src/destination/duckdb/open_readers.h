#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/duckdb_reader.h"

namespace luge {

/// The readers of one opening of the database: they end with it. Thread-safe.
class OpenReaders {
 public:
  /// A reader of the latest commit. Error: reader_ended(), after the end.
  Result<std::shared_ptr<ReadHandle>> open(const std::shared_ptr<DuckdbDatabase>& database);

  /// Ends all, and gives no more. Waits, for a few seconds at most, until none of them holds the database any more.
  void end(ReaderEnd why);

 private:
  std::mutex mutex_;
  ReaderEnd end_ = ReaderEnd::none;
  std::vector<std::weak_ptr<DuckdbReader>> readers_;
};

}  // namespace luge
