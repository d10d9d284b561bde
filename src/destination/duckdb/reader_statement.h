#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "destination/destination.h"
#include "destination/duckdb/duckdb_database.h"

namespace luge {

/// One read-only statement of a reader, from its text to its last row. Results are streamed; values are DuckDB's own VARCHAR casts.
/// Keeps parts of DuckDB alive: destroy it before its connection. One thread at a time.
class ReaderStatement {
 public:
  /// Tries the statement out on `scratch`, then starts it on `connection`. `ended` is asked between the parts that can take long, last
  /// after the moment from which an interruption of `connection` is not forgotten any more: then the answer is an error.
  /// Errors of the statement itself carry DuckDB's words: they are for the person who wrote it.
  static Result<std::unique_ptr<ReaderStatement>> start(DuckdbConnection& connection, DuckdbConnection& scratch, std::string_view sql,
                                                        const std::function<bool()>& ended);

  const std::vector<std::string>& columns() const { return columns_; }
  /// The next row into `row`; false: there was none. May block.
  Result<bool> next(ReadHandle::Row& row);

 private:
  explicit ReaderStatement(const DuckdbDatabase& database) : path_(database.path()) {}
  Status execute(const std::function<bool()>& ended);
  Result<bool> fetch();

  const std::string path_;
  std::vector<std::string> columns_;
  PreparedStatement prepared_;
  QueryResult result_;
  DataChunk chunk_;
  std::uint64_t rows_ = 0;  ///< of the chunk
  std::uint64_t row_ = 0;   ///< of the chunk's, the next one
  std::vector<duckdb_type> types_;
  std::vector<const void*> data_;
  std::vector<const std::uint64_t*> validity_;
};

}  // namespace luge
