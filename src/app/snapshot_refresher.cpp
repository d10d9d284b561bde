#include "app/snapshot_refresher.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/log.h"

namespace luge {

namespace {

using std::chrono::steady_clock;
constexpr auto kShortestPause = std::chrono::seconds(5);
constexpr auto kLook = std::chrono::milliseconds(500);

/// What the mirror shows changes with its position and with tables that were copied.
std::pair<Lsn, std::uint64_t> version_of(const DriverStatus& status) { return {status.pipeline.durable, status.pipeline.batches}; }

bool anything_to_show(const DriverStatus& status) {
  return std::ranges::any_of(status.pipeline.tables, [](const TableStatus& table) {
    return table.record.state == TableState::live || table.record.state == TableState::catching_up;
  });
}

}  // namespace

SnapshotRefresher::SnapshotRefresher(Driver& driver, std::string path) : driver_(driver), path_(std::move(path)) {
  if (!path_.empty()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void SnapshotRefresher::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  std::pair<Lsn, std::uint64_t> written{};
  steady_clock::duration pause = kLook;
  while (!never.wait_for(lock, stop, pause, [] { return false; }) && !stop.stop_requested()) {
    pause = kLook;
    const DriverStatus status = driver_.status();
    const auto version = version_of(status);
    if (version == written || !anything_to_show(status)) continue;
    const auto start = steady_clock::now();
    auto reader = driver_.read();
    const Status done = reader ? (*reader)->write_file(path_) : Status(reader.error());
    const auto took = steady_clock::now() - start;
    pause = std::max<steady_clock::duration>(kShortestPause, took * 10);
    if (!done) {
      const LogLevel level = done.error().code == "closed" ? LogLevel::info : LogLevel::warn;
      log_event(level, "snapshot_failed", done.error().what, {{"code", done.error().code}, {"path", path_}});
      continue;
    }
    written = version;
    log_event(LogLevel::debug, "snapshot_written", "the read-only copy of the mirror is new",
              {{"path", path_}, {"seconds", std::chrono::duration<double>(took).count()}});
  }
}

}  // namespace luge
