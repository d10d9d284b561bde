#pragma once
#include <condition_variable>
#include <cstdint>
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
#include "base/random.h"
#include "service/alert/alert_book.h"
#include "service/alert/alert_sink.h"
#include "service/alert/delivery_plan.h"
#include "service/alert/known_alerts.h"

namespace luge {

/// One who is told.
struct AlertReceiver {
  std::unique_ptr<AlertSink> sink;
  DeliveryPlan::Options plan;
};

/// How one receiver does. For metrics and status.
struct ReceiverReport {
  std::string name;
  std::uint64_t delivered = 0;
  std::uint64_t failures = 0;       ///< attempts that failed
  std::size_t waiting = 0;          ///< messages that it has not got yet
  std::optional<Error> last_error;  ///< of the last attempt, if it failed
};

/// Knows what fires, and tells every receiver on a thread of its own: a slow one delays nobody. What fires is also logged
/// (alert_fired, alert_resolved). All functions are for any thread and do not block, but for drain().
class AlertManager {
 public:
  struct Options {
    Duration settle = std::chrono::seconds(60);  ///< an alert is over when it has been away for so long
    std::uint64_t random_seed = 1;               ///< for the jitter of retries
    Duration grace = std::chrono::minutes(2);    ///< what was adopted and nobody raises meanwhile is over
  };

  /// `clock` must outlive it.
  AlertManager(std::vector<AlertReceiver> receivers, Options options, const Clock& clock);
  ~AlertManager();  ///< ends deliveries that are under way; what was not told stays untold

  void raise(Alert alert);
  void resolve(std::string_view key);
  /// All that is wrong with one thing at present ("pipeline/app"): raises these, resolves what the same scope said before and does not now.
  void set(std::string_view scope, std::vector<Alert> alerts);

  /// known() of whoever spoke for these scopes before: this process goes on where that one was.
  void adopt(std::vector<KnownAlert> known);
  /// Another process speaks for the scope from now on: nothing of it is over, and receivers hear of it from there.
  void forget(std::string_view scope);

  std::vector<FiringAlert> firing() const;  ///< by key
  /// What fires, and what is over while a receiver that was told of it has not heard so. To be kept for adopt().
  std::vector<KnownAlert> known() const;
  std::vector<ReceiverReport> receivers() const;

  /// Waits until every receiver was told all that it may be told now. False: `at_most` was over before.
  bool drain(Duration at_most);

 private:
  struct Receiver;
  void run(Receiver& receiver, const std::stop_token& stop);
  DeliveryPlan::Moment moment() const;
  KnownAlert known_of(const FiringAlert& firing) const;
  void settle(Instant now);

  const Clock& clock_;
  mutable std::mutex mutex_;  ///< protects what follows, and the receivers' plans and reports
  std::condition_variable_any changed_;
  std::condition_variable told_;
  std::uint64_t changes_ = 0;
  AlertBook book_;
  std::map<std::string, FiringAlert, std::less<>> over_;  ///< not in the book any more; a receiver may have to be told so
  const Duration grace_;
  SeededRandom random_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

}  // namespace luge
