#include "destination/duckdb/duckdb_reader.h"

#include <utility>

#include "base/ensure.h"
#include "destination/duckdb/snapshot_file.h"

namespace luge {

namespace {

constexpr auto kInterruptAgain = std::chrono::milliseconds(10);  ///< one that comes just before a statement begins is forgotten

/// `orders` means public.orders, as for the people who know the source. A mirror without a schema public refuses, and needs it not.
void look_in_public(DuckdbConnection& connection) {
  const auto looked = connection.execute("SET search_path = 'main,public'", "opening a reader");
  static_cast<void>(looked.has_value());
}

}  // namespace

Result<std::shared_ptr<DuckdbReader>> DuckdbReader::connect(const std::shared_ptr<DuckdbDatabase>& database) {
  TRY(auto connection, database->connect());
  TRY(auto scratch, database->connect());
  return std::make_shared<DuckdbReader>(std::move(connection), std::move(scratch));
}

DuckdbReader::Parts::~Parts() {
  statement.reset();
  if (connection) connection->rollback();
}

DuckdbReader::~DuckdbReader() = default;

Status DuckdbReader::use(const std::function<Status()>& work) {
  {
    const std::lock_guard lock(mutex_);
    if (ended()) return reader_ended(end_);
    ENSURE(!busy_, "two threads on one reader");
    busy_ = true;
  }
  Status done = work();
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    last = ended();
    if (!last) busy_ = false;
  }
  if (!last) return done;
  release();
  return done ? ok() : Status(reader_ended(end_));
}

void DuckdbReader::end(ReaderEnd why) {
  {
    const std::lock_guard lock(mutex_);
    if (ended()) return;
    end_ = why;
    if (busy_) {
      interrupt();  // the thread that reads releases
      return;
    }
    busy_ = true;
  }
  release();
}

/// The mutex is held, so that the connections stay meanwhile.
void DuckdbReader::interrupt() {
  if (parts_.connection) duckdb_interrupt(parts_.connection->handle());
  if (parts_.scratch) duckdb_interrupt(parts_.scratch->handle());
}

/// By the thread that made the reader busy, without the mutex: closing a database may take a while.
void DuckdbReader::release() {
  {
    Parts parts;
    const std::lock_guard lock(mutex_);  // let go of before the parts are
    std::swap(parts, parts_);
  }
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool DuckdbReader::wait_until_released(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  while (!released_ && std::chrono::steady_clock::now() < deadline) {
    interrupt();
    changed_.wait_for(lock, kInterruptAgain);
  }
  return released_;
}

Status DuckdbReader::pin() {
  return use([&]() -> Status {
    look_in_public(*parts_.connection);
    look_in_public(*parts_.scratch);
    CHECK_OK(parts_.connection->execute("BEGIN TRANSACTION READ ONLY", "opening a reader"));
    CHECK_OK(parts_.connection->rows("SELECT value FROM " + parts_.connection->database().qualified("_luge", "meta") + " LIMIT 1",
                                     "opening a reader"));  // DuckDB begins lazily
    return ok();
  });
}

Status DuckdbReader::query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) {
  std::vector<std::string> columns;
  CHECK_OK(use([&]() -> Status {
    TRY(parts_.statement, ReaderStatement::start(*parts_.connection, *parts_.scratch, sql, [&] { return ended(); }));
    columns = parts_.statement->columns();
    return ok();
  }));
  on_columns(columns);
  // Row by row, since what is done with one may take long, and then the reader can be ended without this thread.
  Row row;
  bool more = true;
  const std::function<Status()> next = [&]() -> Status {
    auto found = parts_.statement->next(row);
    more = found && *found;
    if (!more) parts_.statement.reset();
    return found ? ok() : Status(std::move(found).error());
  };
  for (;;) {
    CHECK_OK(use(next));
    if (!more) return ok();
    on_row(row);
  }
}

Status DuckdbReader::write_file(const std::string& path) {
  return use([&] { return write_snapshot_file(*parts_.connection, path, [&] { return ended(); }); });
}

}  // namespace luge
