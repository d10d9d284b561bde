#include "service/alert/alert_book.h"

#include <algorithm>
#include <utility>

namespace luge {

bool AlertBook::raise(Alert alert, std::string_view scope, PgTimestamp at) {
  const auto [entry, fresh] = alerts_.try_emplace(alert.key);
  FiringAlert& firing = entry->second;
  if (fresh) firing.since = at;
  const bool back = firing.gone_at.has_value();
  firing.gone_at.reset();
  firing.scope = scope;
  firing.alert = std::move(alert);
  return fresh || back;
}

bool AlertBook::resolve(std::string_view key, Instant now) {
  const auto found = alerts_.find(key);
  if (found == alerts_.end() || found->second.gone_at) return false;
  found->second.gone_at = now;
  return true;
}

AlertBook::Changes AlertBook::set(std::string_view scope, std::vector<Alert> alerts, Instant now, PgTimestamp at) {
  Changes changes;
  for (auto& [key, firing] : alerts_) {
    if (firing.scope != scope || firing.gone_at) continue;
    if (std::ranges::any_of(alerts, [&name = key](const Alert& alert) { return alert.key == name; })) continue;
    firing.gone_at = now;
    changes.resolved.push_back(firing.alert);
  }
  for (Alert& alert : alerts) {
    const Alert copy = alert;
    if (raise(std::move(alert), scope, at)) changes.fired.push_back(copy);
  }
  return changes;
}

void AlertBook::restore(Alert alert, std::string_view scope, PgTimestamp since, Instant now, Duration grace) {
  const auto [entry, fresh] = alerts_.try_emplace(alert.key);
  entry->second.since = since;
  if (!fresh) return;
  entry->second.alert = std::move(alert);
  entry->second.scope = scope;
  entry->second.gone_at = now + (grace - settle_);
}

std::vector<std::string> AlertBook::forget(std::string_view scope) {
  std::vector<std::string> keys;
  for (const auto& [key, firing] : alerts_) {
    if (firing.scope == scope) keys.push_back(key);
  }
  for (const std::string& key : keys) alerts_.erase(key);
  return keys;
}

std::vector<FiringAlert> AlertBook::take_settled(Instant now) {
  std::vector<FiringAlert> settled;
  for (auto at = alerts_.begin(); at != alerts_.end();) {
    FiringAlert& firing = at->second;
    if (!firing.gone_at || now - *firing.gone_at < settle_) {
      ++at;
      continue;
    }
    settled.push_back(std::move(firing));
    at = alerts_.erase(at);
  }
  return settled;
}

std::optional<Instant> AlertBook::next_settled() const {
  std::optional<Instant> first;
  for (const auto& [key, firing] : alerts_) {
    if (!firing.gone_at) continue;
    const Instant settled = *firing.gone_at + settle_;
    if (!first || settled < *first) first = settled;
  }
  return first;
}

}  // namespace luge
