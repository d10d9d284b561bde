#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "destination/destination.h"
#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/reader_end.h"
#include "destination/duckdb/reader_statement.h"

namespace luge {

/// A read-only transaction on a connection of its own, pinned to the commit that was the latest when it was made. Holds DuckDB's
/// checkpoints back while it lives: let go of it soon.
/// One thread reads; any thread may end it. From then on it holds nothing of DuckDB any more, as soon as the reading thread is out of
/// DuckDB, and answers reader_ended(), for as long as somebody keeps it.
class DuckdbReader final : public ReadHandle {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Not usable before pin().
  static Result<std::shared_ptr<DuckdbReader>> connect(const std::shared_ptr<DuckdbDatabase>& database);
  /// Takes the latest commit.
  Status pin();

  /// Values are DuckDB's own VARCHAR casts. Results are streamed. An error while the statement runs (not: while it is read) ends the
  /// transaction and with it this reader. Errors of the statement itself carry DuckDB's words: they are for
  /// the person who wrote it.
  Status query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) override;
  Status write_file(const std::string& path) override;
  void cancel() override { end(ReaderEnd::cancelled); }

  /// Interrupts what runs. Waits for nothing; the first reason stays.
  void end(ReaderEnd why);
  /// After end(): waits until nothing of DuckDB is held any more. False: it was not so at `deadline`.
  bool wait_until_released(TimePoint deadline);

  DuckdbReader(std::unique_ptr<DuckdbConnection> connection, std::unique_ptr<DuckdbConnection> scratch) {
    parts_.connection = std::move(connection);
    parts_.scratch = std::move(scratch);
  }
  ~DuckdbReader() override;

 private:
  /// What is held of DuckDB. Used without the mutex by the thread that made the reader busy, and by nobody else.
  struct Parts {
    Parts() = default;
    Parts(Parts&&) = default;
    Parts& operator=(Parts&&) = default;  ///< only into empty ones
    ~Parts();
    std::unique_ptr<DuckdbConnection> connection;
    std::unique_ptr<DuckdbConnection> scratch;  ///< for trying statements out
    std::unique_ptr<ReaderStatement> statement;
  };

  /// Runs `work` in DuckDB, unless the reader has ended; an error after its end is said to be that.
  Status use(const std::function<Status()>& work);
  bool ended() const { return end_.load() != ReaderEnd::none; }
  void interrupt();
  void release();

  std::atomic<ReaderEnd> end_{ReaderEnd::none};
  std::mutex mutex_;
  std::condition_variable changed_;
  Parts parts_;
  bool busy_ = false;  ///< a thread is in DuckDB for this reader, or lets go of it
  bool released_ = false;
};

}  // namespace luge
