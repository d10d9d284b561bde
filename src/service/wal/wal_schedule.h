#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "service/token_bucket.h"

namespace luge {

/// When which source is read: each once per tick, so many per second and so many at once over all of them. One that answers slowly or not
/// at all is asked less often; the others are not. Pure: the caller owns clock and lock.
class WalSchedule {
 public:
  struct Options {
    Duration tick = std::chrono::seconds(10);
    Duration longest_tick = std::chrono::minutes(5);  ///< of a source that is slow or down
    Duration slow = std::chrono::seconds(1);          ///< an answer that takes longer is slow
    TokenBucket::Options queries{.per_second = 20, .burst = 20};
    std::uint32_t at_once = 4;
  };
  /// One reading that was begun and must be finished.
  struct Ticket {
    std::string source;
    std::uint64_t entry = 0;  ///< tells it from a source of the same name that came later
    Instant begun;
  };
  enum class Outcome : char { good, failed };

  explicit WalSchedule(Options options);

  void add(const std::string& source, Instant now);  ///< due at once; no change if it is there
  void remove(std::string_view source);

  /// The source to read now. None: nothing is due, the load is at its limit, or too many are under way.
  std::optional<Ticket> next(Instant now);
  void finished(const Ticket& ticket, Outcome outcome, Instant now);
  /// How long next() has nothing to give, unless a reading is finished or a source is added. None: until then.
  std::optional<Duration> wait(Instant now) const;

  /// How often it is read at present; zero: unknown source.
  Duration interval(std::string_view source) const;
  std::uint32_t under_way() const { return under_way_; }

 private:
  struct Entry {
    std::uint64_t number = 0;
    Duration interval{0};
    Instant due;
    bool under_way = false;
  };
  Options options_;
  TokenBucket bucket_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t numbers_ = 0;
  std::uint32_t under_way_ = 0;
};

}  // namespace luge
