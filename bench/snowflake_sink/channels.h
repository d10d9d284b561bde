#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luge::sink {

/// So much in a second, a second's worth at once. An amount beyond that passes when the bucket is full, and is owed afterwards.
class Bucket {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Bucket(double per_second) : rate_(per_second), left_(per_second) {}
  bool take(double amount, Clock::time_point now);

 private:
  double rate_;
  double left_;
  Clock::time_point at_ = Clock::now();
};

struct Channel {
  std::uint64_t opener = 0;
  std::uint64_t next_row = 1;
  std::optional<std::string> token;  ///< what is taken is committed
  std::uint64_t rows = 0;
  std::int64_t created_ms = 0;
  Bucket requests{10};
  Bucket bytes{20e6};
  std::string continuation() const { return std::to_string(opener) + "_" + std::to_string(next_row); }
};

/// Of the tables; luge's own notes (_LUGE_CONTROL_…) are left out.
struct Counters {
  std::uint64_t requests = 0;  ///< appends taken
  std::uint64_t refused = 0;   ///< with 429
  std::uint64_t repeated = 0;  ///< with a token that was consumed: dropped
  std::uint64_t rows = 0;
  std::uint64_t plain_bytes = 0;
  std::uint64_t packed_bytes = 0;
};

struct Append {
  std::string key;
  std::string continuation_token;
  std::string end_token;
  std::size_t packed_bytes = 0;
  std::size_t plain_bytes = 0;
  std::uint64_t rows = 0;
};

/// All channels by their paths, with Snowflake's limits on each. Thread-safe.
class Channels {
 public:
  enum class Outcome : char { taken, unknown, stale, too_fast };
  struct Answer {
    Outcome outcome = Outcome::taken;
    std::string continuation_token;
  };
  Channel open(const std::string& key);
  Answer append(const Append& append);
  std::optional<Channel> find(const std::string& key) const;
  void drop(const std::string& key);

  /// Puts all channels aside, or back as they were put aside: a run that is repeated finds what the first one found.
  void keep();
  void restore();
  /// Since they were last asked for.
  Counters take_counters();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Channel> channels_;
  std::map<std::string, Channel> kept_;
  Counters counters_;
};

}  // namespace luge::sink
