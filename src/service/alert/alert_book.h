#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "service/alert/alert.h"

namespace luge {

/// An alert that fires, or has just stopped.
struct FiringAlert {
  Alert alert;
  std::string scope;               ///< whoever reports it
  PgTimestamp since;
  std::optional<Instant> gone_at;  ///< not seen any more; if it comes back soon, it has never been away
};

/// What fires at present, one entry per key. Pure: the caller owns clock and lock.
class AlertBook {
 public:
  struct Changes {
    std::vector<Alert> fired;
    std::vector<Alert> resolved;
  };

  /// `settle`: an alert is over when it has been away for so long. What comes and goes is one alert.
  explicit AlertBook(Duration settle) : settle_(settle) {}

  /// True: it is new. One with the same key is replaced: severity, texts and facts may change.
  bool raise(Alert alert, std::string_view scope, PgTimestamp at);
  /// True: it was firing.
  bool resolve(std::string_view key, Instant now);
  /// All that is wrong with one thing: what the scope does not report any more is resolved.
  Changes set(std::string_view scope, std::vector<Alert> alerts, Instant now, PgTimestamp at);

  /// One that fired before, as another process or this one before a restart knew it. It goes on, since when it did, if somebody raises it within
  /// `grace`, or has done so already; otherwise it is over.
  void restore(Alert alert, std::string_view scope, PgTimestamp since, Instant now, Duration grace);
  /// Takes out all of the scope, as if it had never been: their keys.
  std::vector<std::string> forget(std::string_view scope);

  /// Takes out what has been away for long enough.
  std::vector<FiringAlert> take_settled(Instant now);
  /// When take_settled may find something.
  std::optional<Instant> next_settled() const;

  const std::map<std::string, FiringAlert, std::less<>>& alerts() const { return alerts_; }

 private:
  const Duration settle_;
  std::map<std::string, FiringAlert, std::less<>> alerts_;
};

}  // namespace luge
