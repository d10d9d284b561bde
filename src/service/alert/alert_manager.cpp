#include "service/alert/alert_manager.h"

#include <algorithm>
#include <ctime>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/log_component.h"
#include "service/quantity_text.h"

namespace luge {

namespace {

constexpr Duration kLookAgain = std::chrono::minutes(1);  // quiet hours go by the wall's clock, which may be set

int local_minute_of_day(PgTimestamp wall) {
  const std::time_t seconds = unix_seconds(wall);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local.tm_hour * 60 + local.tm_min;
}

void log_fired(const Alert& alert) {
  const LogComponent scope("alerts");
  log_event(alert.severity == AlertSeverity::info ? LogLevel::info : LogLevel::warn, "alert_fired", alert.title,
            {{"key", alert.key}, {"kind", to_string(alert.kind)}, {"severity", to_string(alert.severity)}, {"hint", alert.hint}});
}

void log_resolved(const Alert& alert) {
  const LogComponent scope("alerts");
  log_event(LogLevel::info, "alert_resolved", alert.title, {{"key", alert.key}, {"kind", to_string(alert.kind)}});
}

}  // namespace

struct AlertManager::Receiver {
  explicit Receiver(AlertReceiver receiver) : sink(std::move(receiver.sink)), plan(std::move(receiver.plan)) { report.name = sink->name(); }
  std::unique_ptr<AlertSink> sink;
  DeliveryPlan plan;
  ReceiverReport report;
  bool busy = false;
  std::set<std::string> forgotten;  ///< while it is busy
  std::jthread thread;
};

AlertManager::AlertManager(std::vector<AlertReceiver> receivers, Options options, const Clock& clock)
    : clock_(clock), book_(options.settle), grace_(options.grace), random_(options.random_seed) {
  for (AlertReceiver& receiver : receivers) receivers_.push_back(std::make_unique<Receiver>(std::move(receiver)));
  for (const auto& receiver : receivers_) {
    receiver->thread = std::jthread([this, &mine = *receiver](const std::stop_token& stop) { run(mine, stop); });
  }
}

AlertManager::~AlertManager() {
  for (const auto& receiver : receivers_) {
    receiver->thread.request_stop();
    receiver->sink->interrupt();
  }
  for (const auto& receiver : receivers_) receiver->thread.join();
}

DeliveryPlan::Moment AlertManager::moment() const {
  const PgTimestamp wall = clock_.wall_now();
  return {clock_.now(), wall, local_minute_of_day(wall)};
}

void AlertManager::raise(Alert alert) {
  const Alert copy = alert;
  {
    const std::lock_guard lock(mutex_);
    ++changes_;
    if (!book_.raise(std::move(alert), "", clock_.wall_now())) {
      changed_.notify_all();
      return;
    }
  }
  changed_.notify_all();
  log_fired(copy);
}

void AlertManager::resolve(std::string_view key) {
  Alert resolved;
  {
    const std::lock_guard lock(mutex_);
    if (!book_.resolve(key, clock_.now())) return;
    ++changes_;
    resolved = book_.alerts().find(key)->second.alert;
  }
  changed_.notify_all();
  log_resolved(resolved);
}

void AlertManager::set(std::string_view scope, std::vector<Alert> alerts) {
  AlertBook::Changes changes;
  {
    const std::lock_guard lock(mutex_);
    changes = book_.set(scope, std::move(alerts), clock_.now(), clock_.wall_now());
    ++changes_;
  }
  changed_.notify_all();
  for (const Alert& alert : changes.fired) log_fired(alert);
  for (const Alert& alert : changes.resolved) log_resolved(alert);
}

std::vector<FiringAlert> AlertManager::firing() const {
  const std::lock_guard lock(mutex_);
  std::vector<FiringAlert> all;
  for (const auto& [key, firing] : book_.alerts()) {
    if (!firing.gone_at) all.push_back(firing);
  }
  return all;
}

void AlertManager::adopt(std::vector<KnownAlert> known) {
  {
    const std::lock_guard lock(mutex_);
    for (KnownAlert& one : known) {
      for (const auto& receiver : receivers_) {
        if (std::ranges::find(one.told, receiver->report.name) != one.told.end()) receiver->plan.restore(one.alert, one.since, clock_.now());
      }
      over_.erase(one.alert.key);
      book_.restore(std::move(one.alert), one.scope, one.since, clock_.now(), grace_);
    }
    ++changes_;
  }
  changed_.notify_all();
}

void AlertManager::forget(std::string_view scope) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> keys = book_.forget(scope);
  for (const auto& [key, over] : over_) {
    if (over.scope == scope) keys.push_back(key);
  }
  for (const std::string& key : keys) {
    over_.erase(key);
    for (const auto& receiver : receivers_) {
      receiver->plan.forget(key);
      if (receiver->busy) receiver->forgotten.insert(key);
    }
  }
}

KnownAlert AlertManager::known_of(const FiringAlert& firing) const {
  KnownAlert known{firing.alert, firing.scope, firing.since, {}};
  for (const auto& receiver : receivers_) {
    if (receiver->plan.knows(firing.alert.key, firing.since)) known.told.push_back(receiver->report.name);
  }
  return known;
}

std::vector<KnownAlert> AlertManager::known() const {
  const std::lock_guard lock(mutex_);
  std::vector<KnownAlert> all;
  for (const auto& [key, firing] : book_.alerts()) all.push_back(known_of(firing));
  for (const auto& [key, over] : over_) {
    if (book_.alerts().contains(key)) continue;  // it fires anew
    KnownAlert known = known_of(over);
    if (!known.told.empty()) all.push_back(std::move(known));
  }
  return all;
}

void AlertManager::settle(Instant now) {
  std::vector<FiringAlert> settled = book_.take_settled(now);
  if (settled.empty()) return;
  std::erase_if(over_, [this](const auto& entry) { return known_of(entry.second).told.empty(); });
  for (FiringAlert& firing : settled) {
    const std::string key = firing.alert.key;
    over_[key] = std::move(firing);
  }
  ++changes_;
  changed_.notify_all();  // the other receivers have something to be told too
}

std::vector<ReceiverReport> AlertManager::receivers() const {
  const std::lock_guard lock(mutex_);
  const DeliveryPlan::Moment now = moment();
  std::vector<ReceiverReport> reports;
  for (const auto& receiver : receivers_) {
    reports.push_back(receiver->report);
    reports.back().waiting = receiver->plan.pending(book_, now);
  }
  return reports;
}

bool AlertManager::drain(Duration at_most) {
  std::unique_lock lock(mutex_);
  return told_.wait_for(lock, at_most, [this] {
    const DeliveryPlan::Moment now = moment();
    return std::ranges::all_of(receivers_, [&](const auto& receiver) { return !receiver->busy && receiver->plan.sendable(book_, now) == 0; });
  });
}

void AlertManager::run(Receiver& receiver, const std::stop_token& stop) {
  const LogComponent scope("alerts");
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const DeliveryPlan::Moment now = moment();
    settle(now.now);
    const auto message = receiver.plan.next(book_, now);
    if (!message) {
      told_.notify_all();  // perhaps there is nothing left
      Duration longest = std::min(kLookAgain, receiver.plan.wait(book_, now).value_or(kLookAgain));
      if (const auto settled = book_.next_settled()) longest = std::min(longest, std::max(*settled - now.now, Duration(0)));
      changed_.wait_for(lock, stop, longest, [this, seen = changes_] { return changes_ != seen; });
      continue;
    }
    receiver.busy = true;
    receiver.forgotten.clear();
    lock.unlock();
    Delivery delivery = receiver.sink->deliver(*message);
    lock.lock();
    receiver.busy = false;
    if (delivery.status) {
      if (!receiver.forgotten.contains(message->alert.key)) receiver.plan.delivered(*message, clock_.now());
      receiver.report.last_error.reset();
      ++receiver.report.delivered;
    } else if (!stop.stop_requested()) {
      const Error& error = delivery.status.error();
      receiver.plan.failed(*message, error.recovery == Recovery::retry, delivery.not_before, clock_.now(), random_);
      log_event(LogLevel::warn, "alert_not_delivered", error.what,
                {{"receiver", receiver.report.name}, {"key", message->alert.key}, {"code", error.code}});
      receiver.report.last_error = error;
      ++receiver.report.failures;
    }
    told_.notify_all();
  }
}

}  // namespace luge
