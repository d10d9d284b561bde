#include "service/alert/delivery_plan.h"

#include <algorithm>
#include <utility>

namespace luge {

namespace {

using Event = AlertMessage::Event;

constexpr Instant kLongAgo{INT64_MIN / 2};

}  // namespace

DeliveryPlan::DeliveryPlan(Options options) : options_(std::move(options)), bucket_(options_.rate), retry_(options_.retry) {}

void DeliveryPlan::restore(const Alert& alert, PgTimestamp since, Instant now) { told_[alert.key] = {alert, since, now, 1}; }

void DeliveryPlan::forget(const std::string& key) {
  told_.erase(key);
  not_before_.erase(key);
}

bool DeliveryPlan::knows(const std::string& key, PgTimestamp since) const {
  const auto told = told_.find(key);
  return told != told_.end() && told->second.since == since;
}

std::vector<DeliveryPlan::Candidate> DeliveryPlan::candidates(const AlertBook& book, const Moment& moment) const {
  std::vector<Candidate> all;
  const int quiet_minutes = options_.quiet ? options_.quiet->minutes_left(moment.minute_of_day) : 0;
  const auto add = [&](const std::string& key, Event event, const Alert& alert, PgTimestamp since, Instant ready_at) {
    Candidate candidate{key, event, &alert, since, ready_at, false};
    const auto refused = not_before_.find(key);
    if (refused != not_before_.end()) candidate.ready_at = std::max(candidate.ready_at, refused->second);
    if (quiet_minutes > 0 && alert.severity < options_.quiet->passes) {
      candidate.quiet = true;
      candidate.ready_at = std::max(candidate.ready_at, moment.now + std::chrono::minutes(quiet_minutes));
    }
    all.push_back(std::move(candidate));
  };
  for (const auto& [key, firing] : book.alerts()) {
    if (firing.gone_at || firing.alert.severity < options_.least) continue;
    const auto told = told_.find(key);
    if (told == told_.end() || told->second.since != firing.since) {
      add(key, Event::fired, firing.alert, firing.since, kLongAgo);
    } else if (told->second.alert.severity != firing.alert.severity) {
      add(key, Event::changed, firing.alert, firing.since, kLongAgo);
    } else if (options_.remind_every.count() > 0) {
      add(key, Event::reminded, firing.alert, firing.since, told->second.at + options_.remind_every);
    }
  }
  for (const auto& [key, told] : told_) {
    if (options_.tell_resolved && is_over(book, key)) add(key, Event::resolved, told.alert, told.since, kLongAgo);
  }
  return all;
}

/// As far as this receiver is concerned.
bool DeliveryPlan::is_over(const AlertBook& book, const std::string& key) const {
  const auto firing = book.alerts().find(key);
  if (firing == book.alerts().end()) return true;
  return !firing->second.gone_at && firing->second.alert.severity < options_.least;
}

AlertMessage DeliveryPlan::message_of(const Candidate& candidate, const Moment& moment) const {
  AlertMessage message;
  message.alert = *candidate.alert;
  message.event = candidate.event;
  message.since = candidate.since;
  message.at = moment.wall;
  const auto told = told_.find(candidate.key);
  const std::uint32_t times = told == told_.end() || told->second.since != candidate.since ? 0 : told->second.times;
  message.id = candidate.key + "@" + std::to_string(candidate.since.micros) + "." + std::to_string(times);
  message.id.append(".").append(to_string(candidate.event)).append(".").append(to_string(candidate.alert->severity));
  return message;
}

std::optional<AlertMessage> DeliveryPlan::next(const AlertBook& book, const Moment& moment) {
  if (!options_.tell_resolved) {
    std::erase_if(told_, [&](const auto& entry) { return is_over(book, entry.first); });
  }
  std::erase_if(not_before_, [&](const auto& entry) { return entry.second <= moment.now; });
  if (moment.now < receiver_not_before_) return std::nullopt;
  std::vector<Candidate> ready = candidates(book, moment);
  std::erase_if(ready, [&](const Candidate& candidate) { return candidate.ready_at > moment.now; });
  if (ready.empty() || !bucket_.try_take(moment.now)) return std::nullopt;
  const auto first = std::ranges::min_element(ready, [](const Candidate& a, const Candidate& b) {
    if (a.alert->severity != b.alert->severity) return a.alert->severity > b.alert->severity;
    const bool a_over = a.event == Event::resolved;
    const bool b_over = b.event == Event::resolved;
    if (a_over != b_over) return b_over;
    return a.since < b.since;
  });
  AlertMessage message = message_of(*first, moment);
  if (bucket_.wait(moment.now).count() > 0) message.waiting = ready.size() - 1;
  return message;
}

void DeliveryPlan::delivered(const AlertMessage& message, Instant now) {
  const std::string& key = message.alert.key;
  not_before_.erase(key);
  retry_.succeeded();
  receiver_not_before_ = kLongAgo;
  if (message.event == Event::resolved) {
    told_.erase(key);
    return;
  }
  Told& told = told_[key];
  told.times = told.since == message.since ? told.times + 1 : 1;
  told.alert = message.alert;
  told.since = message.since;
  told.at = now;
}

void DeliveryPlan::failed(const AlertMessage& message, bool receiver_down, Duration not_before, Instant now, Random& random) {
  if (receiver_down) {
    receiver_not_before_ = now + std::max(retry_.next_delay(now, random), not_before);
  } else {
    not_before_[message.alert.key] = now + std::max(options_.retry.max_delay, not_before);
  }
}

std::optional<Duration> DeliveryPlan::wait(const AlertBook& book, const Moment& moment) const {
  std::optional<Instant> first;
  for (const Candidate& candidate : candidates(book, moment)) {
    if (!first || candidate.ready_at < *first) first = candidate.ready_at;
  }
  if (!first) return std::nullopt;
  return std::max({*first - moment.now, receiver_not_before_ - moment.now, bucket_.wait(moment.now), Duration(0)});
}

std::size_t DeliveryPlan::pending(const AlertBook& book, const Moment& moment) const {
  const auto all = candidates(book, moment);
  return static_cast<std::size_t>(std::ranges::count_if(all, [&](const Candidate& candidate) { return !is_early_reminder(candidate, moment); }));
}

std::size_t DeliveryPlan::sendable(const AlertBook& book, const Moment& moment) const {
  const auto all = candidates(book, moment);
  return static_cast<std::size_t>(
      std::ranges::count_if(all, [&](const Candidate& candidate) { return !candidate.quiet && !is_early_reminder(candidate, moment); }));
}

bool DeliveryPlan::is_early_reminder(const Candidate& candidate, const Moment& moment) {
  return candidate.event == Event::reminded && candidate.ready_at > moment.now;
}

}  // namespace luge
