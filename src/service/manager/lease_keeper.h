#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "service/catalog/pipeline_leases.h"

namespace luge {

/// Keeps this process's leases, on a thread of its own: renews them, takes its share of the active pipelines, gives back what is neither
/// active nor running any more. All calls are thread-safe and none waits.
///
/// When the store cannot be reached, leases are held until they expire by this process's clock, and beyond that only if no other process was
/// alive when the store was last heard of: then there is nobody who could have taken them.
class LeaseKeeper {
 public:
  struct Options {
    std::string owner;  ///< unique to this process
    Duration time_to_live = std::chrono::seconds(5);
    Duration renew_interval = std::chrono::milliseconds(1500);  ///< together: taken over within 6.5 s
  };
  /// The leases as of one moment.
  struct Held {
    std::map<std::string, std::int64_t> fences;     ///< held pipelines
    std::set<std::string> hand_over;                ///< those to drain for another process
    std::map<std::string, std::int64_t> elsewhere;  ///< the last fence of those that a living other process holds
    std::map<std::string, std::int64_t> free;       ///< the last fence of those that nobody holds
    bool first = true;                              ///< of all living processes by name: it speaks for pipelines that nobody runs
    bool known = false;                             ///< the store was heard of at least once
    std::optional<Error> trouble;                   ///< the store does not answer now
    Instant look_again{INT64_MAX};                  ///< when leases may expire without news
  };

  /// `leases` must outlive it. `changed` is called on the thread when held() would say something else; it must not block.
  LeaseKeeper(PipelineLeases& leases, Options options, const Clock& clock, std::function<void()> changed);
  /// Ends the thread; leases stay as they are until they expire. See leave().
  ~LeaseKeeper();

  struct Pipelines {
    std::set<std::string> active;  ///< somebody has to run them
    std::set<std::string> busy;    ///< their task has not ended here: their leases are kept
    bool available = false;        ///< this process can take some; false while it begins, and when it ends
    friend bool operator==(const Pipelines&, const Pipelines&) = default;
  };
  void set_pipelines(Pipelines pipelines);
  Held held() const;
  /// Gives everything back; call it when nothing runs any more. Blocks.
  void leave();

 private:
  void run(const std::stop_token& stop);
  /// True: held() changed.
  bool look(const Pipelines& pipelines);

  PipelineLeases& leases_;
  const Options options_;
  const Clock& clock_;
  const std::function<void()> changed_;
  bool failing_ = false;  ///< of the thread: the last look failed

  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any asked_;
  Pipelines pipelines_;
  bool look_now_ = true;
  Held held_;             ///< written by the thread only, which may read it without the mutex
  Instant valid_until_{INT64_MIN / 2};
  bool alone_ = false;

  std::jthread thread_;  ///< last: ends before what it uses
};

}  // namespace luge
