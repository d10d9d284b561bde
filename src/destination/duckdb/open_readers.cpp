#include "destination/duckdb/open_readers.h"

#include "base/log.h"

namespace luge {

namespace {
constexpr auto kPatience = std::chrono::seconds(3);  ///< DuckDB notices an interruption within milliseconds, nearly everywhere
}  // namespace

Result<std::shared_ptr<ReadHandle>> OpenReaders::open(const std::shared_ptr<DuckdbDatabase>& database) {
  TRY(auto reader, DuckdbReader::connect(database));
  {
    const std::lock_guard lock(mutex_);
    if (end_ != ReaderEnd::none) return reader_ended(end_);
    std::erase_if(readers_, [](const auto& known) { return known.expired(); });
    readers_.push_back(reader);
  }
  CHECK_OK(reader->pin());
  return std::shared_ptr<ReadHandle>(std::move(reader));
}

void OpenReaders::end(ReaderEnd why) {
  std::vector<std::weak_ptr<DuckdbReader>> readers;
  {
    const std::lock_guard lock(mutex_);
    if (end_ != ReaderEnd::none) return;
    end_ = why;
    readers.swap(readers_);
  }
  for (const auto& known : readers) {
    if (const auto reader = known.lock()) reader->end(why);
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const auto& known : readers) {
    const auto reader = known.lock();
    if (reader && !reader->wait_until_released(deadline))
      log_event(LogLevel::warn, "reader_lingers", "a query on the mirror does not end, and keeps the file open until it does");
  }
}

}  // namespace luge
