#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/connection_options.h"
#include "service/wal/wal_judge.h"
#include "service/wal/wal_limits.h"
#include "service/wal/wal_schedule.h"

namespace luge {

/// A database server whose WAL is watched.
struct WalSource {
  std::string name;
  ConnectionOptions connection;
  std::vector<std::string> own_slots;  ///< of the pipelines that read it; none: all of its slots are of interest
  WalLimits limits;
};

/// What is known of one source. For metrics, status and alerts.
struct WalReport {
  std::string source;
  std::optional<WalVerdict> verdict;  ///< of the last good reading
  std::optional<Error> error;         ///< of the last reading, if it failed: the verdict is older then
  std::uint64_t readings = 0;         ///< good ones
  std::uint64_t failures = 0;
  Duration took{0};                   ///< the last one
  Duration interval{0};               ///< how often it is read at present
};

/// Watches the WAL of any number of sources with a few threads and one session per source.
class WalMonitor {
 public:
  struct Options {
    WalSchedule::Options schedule;
    Duration statement_timeout = std::chrono::seconds(5);
  };
  /// Called after every reading, on a thread of the monitor; of one source one report after the other. While it runs, one reading less can be
  /// under way. After forget() it may be called once more.
  using Listener = std::function<void(const WalReport&)>;

  /// `clock` must outlive it.
  WalMonitor(Options options, const Clock& clock, Listener listener);
  ~WalMonitor();  ///< ends readings that are under way

  /// Begins to watch, or goes on with other slots, limits or another connection. Any thread; does not block.
  void watch(WalSource source);
  /// Does not read it until watch(), for a reason known before: its secret cannot be read. Its report keeps the last verdict, beside `why`.
  void hold(const std::string& source, const Error& why);
  void forget(std::string_view source);
  std::vector<WalReport> reports() const;  ///< by name

 private:
  struct Watched;
  void run(const std::stop_token& stop);
  void read(const std::shared_ptr<Watched>& watched, const WalSchedule::Ticket& ticket, const std::stop_token& stop);

  const Options options_;
  const Clock& clock_;
  const Listener listener_;

  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 0;
  WalSchedule schedule_;
  std::map<std::string, std::shared_ptr<Watched>, std::less<>> sources_;

  std::vector<std::jthread> threads_;
};

}  // namespace luge
