#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/retry_policy.h"
#include "service/alert/alert_book.h"
#include "service/alert/quiet_hours.h"
#include "service/token_bucket.h"

namespace luge {

/// What one receiver must still be told: the difference between what fires and what it knows. So nothing is told twice, and what could not
/// be told for a while (the receiver was down, it was night, there was too much at once) is told late or, if it is over, not at all.
/// Pure: the caller owns clock and lock.
class DeliveryPlan {
 public:
  struct Options {
    AlertSeverity least = AlertSeverity::warning;       ///< below, the receiver is not concerned
    bool tell_resolved = true;
    Duration remind_every = std::chrono::hours(12);     ///< while it fires; zero: never
    std::optional<QuietHours> quiet;
    TokenBucket::Options rate{.per_second = 10.0 / 60, .burst = 10};
    RetryPolicy::Options retry{.first_delay = std::chrono::seconds(1), .max_delay = std::chrono::minutes(5)};
  };
  /// Now, on all clocks.
  struct Moment {
    Instant now;
    PgTimestamp wall;
    int minute_of_day = 0;  ///< local
  };

  explicit DeliveryPlan(Options options);

  /// Another process, or this one before a restart, has told it of this one.
  void restore(const Alert& alert, PgTimestamp since, Instant now);
  /// Another process tells it the rest.
  void forget(const std::string& key);
  bool knows(const std::string& key, PgTimestamp since) const;

  /// The message to send now; the worst first. Answer with delivered() or failed().
  std::optional<AlertMessage> next(const AlertBook& book, const Moment& moment);
  void delivered(const AlertMessage& message, Instant now);
  /// `receiver_down`: everything waits. Otherwise only this message does.
  void failed(const AlertMessage& message, bool receiver_down, Duration not_before, Instant now, Random& random);

  /// How long next() has nothing to give if the book stays as it is. None: until it changes.
  std::optional<Duration> wait(const AlertBook& book, const Moment& moment) const;
  /// Messages that would be sent if there were no limit, no failure and no night.
  std::size_t pending(const AlertBook& book, const Moment& moment) const;
  /// The same, without what only waits for the end of the quiet hours.
  std::size_t sendable(const AlertBook& book, const Moment& moment) const;

 private:
  struct Told {
    Alert alert;
    PgTimestamp since;
    Instant at;
    std::uint32_t times = 0;  ///< so often, counting reminders
  };
  struct Candidate {
    std::string key;
    AlertMessage::Event event = AlertMessage::Event::fired;
    const Alert* alert = nullptr;
    PgTimestamp since;
    Instant ready_at;  ///< not before
    bool quiet = false;
  };
  std::vector<Candidate> candidates(const AlertBook& book, const Moment& moment) const;
  bool is_over(const AlertBook& book, const std::string& key) const;
  static bool is_early_reminder(const Candidate& candidate, const Moment& moment);
  AlertMessage message_of(const Candidate& candidate, const Moment& moment) const;

  Options options_;
  TokenBucket bucket_;
  RetryPolicy retry_;
  Instant receiver_not_before_{INT64_MIN / 2};
  std::map<std::string, Told, std::less<>> told_;
  std::map<std::string, Instant, std::less<>> not_before_;  ///< of messages that were refused
};

}  // namespace luge
