#include "service/alert/known_alerts.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace luge {

namespace {

using nlohmann::json;

constexpr AlertKind kKinds[] = {AlertKind::wal,     AlertKind::pipeline_failed, AlertKind::gap,     AlertKind::quarantine,
                                AlertKind::breaker, AlertKind::freshness,       AlertKind::service, AlertKind::test};
constexpr AlertSeverity kSeverities[] = {AlertSeverity::info, AlertSeverity::warning, AlertSeverity::critical};

template <class T, std::size_t N>
std::optional<T> find_named(const T (&all)[N], const std::string& name) {
  for (const T one : all) {
    if (to_string(one) == name) return one;
  }
  return std::nullopt;
}

std::optional<KnownAlert> alert_of(const json& item) {
  if (!item.is_object()) return std::nullopt;
  const auto kind = find_named(kKinds, item.value("kind", ""));
  const auto severity = find_named(kSeverities, item.value("severity", ""));
  KnownAlert known;
  known.alert.key = item.value("key", "");
  if (!kind || !severity || known.alert.key.empty()) return std::nullopt;
  known.alert.kind = *kind;
  known.alert.severity = *severity;
  known.alert.title = item.value("title", "");
  known.alert.hint = item.value("hint", "");
  known.scope = item.value("scope", "");
  known.since = {item.value("since", std::int64_t{0})};
  known.told = item.value("told", std::vector<std::string>{});
  known.alert.facts = item.value("facts", std::vector<std::pair<std::string, std::string>>{});
  return known;
}

}  // namespace

std::string write_known_alerts(const std::vector<KnownAlert>& alerts) {
  json document = json::array();
  for (const KnownAlert& known : alerts) {
    const Alert& alert = known.alert;
    json facts = json::array();
    for (const auto& [name, value] : alert.facts) facts.push_back(json::array({name, value}));
    document.push_back(json{{"key", alert.key},
                            {"kind", to_string(alert.kind)},
                            {"severity", to_string(alert.severity)},
                            {"title", alert.title},
                            {"hint", alert.hint},
                            {"facts", std::move(facts)},
                            {"scope", known.scope},
                            {"since", known.since.micros},
                            {"told", known.told}});
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<KnownAlert> read_known_alerts(std::string_view document) {
  std::vector<KnownAlert> alerts;
  const json items = json::parse(document, nullptr, false);
  if (!items.is_array()) return alerts;
  for (const json& item : items) {
    try {
      if (auto known = alert_of(item)) alerts.push_back(*std::move(known));
    } catch (const json::exception&) {  // a member of another type
      continue;
    }
  }
  return alerts;
}

}  // namespace luge
