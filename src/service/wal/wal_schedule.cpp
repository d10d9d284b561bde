#include "service/wal/wal_schedule.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

WalSchedule::WalSchedule(Options options) : options_(options), bucket_(options.queries) {
  ENSURE(options.tick.count() > 0 && options.longest_tick >= options.tick && options.at_once > 0, "a schedule that can read");
}

void WalSchedule::add(const std::string& source, Instant now) {
  const auto [entry, fresh] = entries_.try_emplace(source);
  if (fresh) entry->second = {++numbers_, options_.tick, now, false};
}

void WalSchedule::remove(std::string_view source) {
  const auto found = entries_.find(source);
  if (found != entries_.end()) entries_.erase(found);
}

std::optional<WalSchedule::Ticket> WalSchedule::next(Instant now) {
  if (under_way_ >= options_.at_once) return std::nullopt;
  auto first = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.under_way || entry->second.due > now) continue;
    if (first == entries_.end() || entry->second.due < first->second.due) first = entry;
  }
  if (first == entries_.end() || !bucket_.try_take(now)) return std::nullopt;
  first->second.under_way = true;
  ++under_way_;
  return Ticket{first->first, first->second.number, now};
}

void WalSchedule::finished(const Ticket& ticket, Outcome outcome, Instant now) {
  ENSURE(under_way_ > 0, "a reading was begun");
  --under_way_;
  const auto found = entries_.find(ticket.source);
  if (found == entries_.end() || found->second.number != ticket.entry) return;
  Entry& entry = found->second;
  entry.under_way = false;
  const bool slow = now - ticket.begun > options_.slow;
  entry.interval = slow || outcome == Outcome::failed ? std::min(entry.interval * 2, options_.longest_tick) : options_.tick;
  // In rhythm with its own beginning, and never busy for more than half of the time.
  entry.due = std::max(ticket.begun + entry.interval, now + (now - ticket.begun));
}

std::optional<Duration> WalSchedule::wait(Instant now) const {
  if (under_way_ >= options_.at_once) return std::nullopt;
  std::optional<Instant> first;
  for (const auto& [source, entry] : entries_) {
    if (!entry.under_way && (!first || entry.due < *first)) first = entry.due;
  }
  if (!first) return std::nullopt;
  return std::max({*first - now, bucket_.wait(now), Duration(0)});
}

Duration WalSchedule::interval(std::string_view source) const {
  const auto found = entries_.find(source);
  return found == entries_.end() ? Duration(0) : found->second.interval;
}

}  // namespace luge
