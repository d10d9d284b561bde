#include "app/serve/serve_settings.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <utility>

#include "app/name_pattern.h"
#include "app/option_value.h"
#include "app/usage_error.h"
#include "service/alert/quiet_hours.h"

namespace luge {

namespace {

constexpr std::array kChosenActions{WalAction::pause_copies, WalAction::larger_batches};

template <class Target>
struct Key {
  std::string_view name;
  std::function<Status(Target&, const std::string&, const std::string&)> set;
};

template <class Target>
Status set_key(std::span<const Key<Target>> keys, Target& target, std::string_view key, const std::string& text, const std::string& where) {
  std::vector<std::string> known;
  for (const Key<Target>& one : keys) {
    if (one.name == key) return one.set(target, text, where);
    known.emplace_back(one.name);
  }
  return usage_error(where + ": unknown key", suggestion(key, known));
}

Status read_duration(Duration& out, const std::string& text, const std::string& where) {
  const auto read = parse_duration(text);
  if (!read) return usage_error(where + ": '" + text + "' is not a time such as 30s or 4h");
  out = *read;
  return ok();
}

Status read_size(std::uint64_t& out, const std::string& text, const std::string& where) {
  const auto read = parse_size(text);
  if (!read) return usage_error(where + ": '" + text + "' is not a size such as 10GiB");
  out = *read;
  return ok();
}

/// "25%".
Status read_share(double& out, const std::string& text, const std::string& where) {
  const auto read = text.ends_with('%') ? parse_count(std::string_view(text).substr(0, text.size() - 1)) : std::nullopt;
  if (!read || *read > 100) return usage_error(where + ": '" + text + "' is not a share such as 25%");
  out = static_cast<double>(*read) / 100;
  return ok();
}

Status read_severity(AlertSeverity& out, const std::string& text, const std::string& where) {
  for (const AlertSeverity severity : {AlertSeverity::info, AlertSeverity::warning, AlertSeverity::critical}) {
    if (to_string(severity) != text) continue;
    out = severity;
    return ok();
  }
  return usage_error(where + ": '" + text + "' is not info, warning or critical");
}

/// "pause_copies,larger_batches". The alert is always there.
Status read_actions(std::vector<WalAction>& out, const std::string& text, const std::string& where) {
  out = {WalAction::alert};
  for (const std::string& word : split_outside_quotes(text, ',')) {
    if (word.empty()) continue;
    const auto* const action = std::ranges::find(kChosenActions, word, [](WalAction each) { return to_string(each); });
    if (action == kChosenActions.end()) return usage_error(where + ": '" + word + "' is not pause_copies or larger_batches");
    if (std::ranges::find(out, *action) == out.end()) out.push_back(*action);
  }
  return ok();
}

/// An error of the service's own parser, with the place in the file before it.
template <class T>
Result<T> at(Result<T> parsed, const std::string& where) {
  if (parsed) return parsed;
  return usage_error(where + ": " + parsed.error().what, parsed.error().hint);
}

using Settings = ServeSettings;
using Receiver = ServeSettings::Receiver;

const std::vector<Key<Settings>>& alerts_keys() {
  static const std::vector<Key<Settings>> keys{
      {"freshness", [](Settings& s, const std::string& text, const std::string& where) { return read_duration(s.freshness, text, where); }},
  };
  return keys;
}

const std::vector<Key<Settings>>& wal_keys() {
  using S = Settings;
  using Text = const std::string;
  static const std::vector<Key<Settings>> keys{
      {"interval", [](S& s, Text& text, Text& where) { return read_duration(s.wal_interval, text, where); }},
      {"warning_wal_size", [](S& s, Text& text, Text& where) { return read_size(s.wal.wal_size.warning, text, where); }},
      {"danger_wal_size", [](S& s, Text& text, Text& where) { return read_size(s.wal.wal_size.danger, text, where); }},
      {"warning_retained", [](S& s, Text& text, Text& where) { return read_size(s.wal.retained.warning, text, where); }},
      {"danger_retained", [](S& s, Text& text, Text& where) { return read_size(s.wal.retained.danger, text, where); }},
      {"warning_time_left", [](S& s, Text& text, Text& where) { return read_duration(s.wal.warning_time_left, text, where); }},
      {"danger_time_left", [](S& s, Text& text, Text& where) { return read_duration(s.wal.danger_time_left, text, where); }},
      {"warning_room", [](S& s, Text& text, Text& where) { return read_share(s.wal.warning_room, text, where); }},
      {"danger_room", [](S& s, Text& text, Text& where) { return read_share(s.wal.danger_room, text, where); }},
      {"warning_actions", [](S& s, Text& text, Text& where) { return read_actions(s.wal.on_warning, text, where); }},
      {"danger_actions", [](S& s, Text& text, Text& where) { return read_actions(s.wal.on_danger, text, where); }},
      {"disk_limit", [](S& s, Text& text, Text& where) { return read_size(s.wal.disk_limit_bytes, text, where); }},
  };
  return keys;
}

const std::vector<Key<Receiver>>& webhook_keys() {
  using Text = const std::string;
  static const std::vector<Key<Receiver>> keys{
      {"name",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.name = text;
         return ok();
       }},
      {"format",
       [](Receiver& r, Text& text, Text& where) -> Status {
         const auto format = parse_webhook_format(text);
         if (!format) return usage_error(where + ": '" + text + "' is not json, slack, pagerduty or teams");
         r.webhook.format = *format;
         return ok();
       }},
      {"url",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.url = text;
         return ok();
       }},
      {"secret",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.secret = text;
         return ok();
       }},
      {"routing_key",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.routing_key = text;
         return ok();
       }},
      {"authorization",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.headers = {{"Authorization", text}};
         return ok();
       }},
      {"headline",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.headline_template = text;
         return ok();
       }},
      {"body",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.body_template = text;
         return ok();
       }},
      {"allowed_hosts",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.allowed_hosts = split_outside_quotes(text, ',');
         return ok();
       }},
      {"private_networks",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.private_networks = split_outside_quotes(text, ',');
         return ok();
       }},
      {"ca_file",
       [](Receiver& r, Text& text, Text&) -> Status {
         r.webhook.ca_file = text;
         return ok();
       }},
      {"timeout", [](Receiver& r, Text& text, Text& where) { return read_duration(r.webhook.timeout, text, where); }},
      {"least", [](Receiver& r, Text& text, Text& where) { return read_severity(r.plan.least, text, where); }},
      {"remind_every", [](Receiver& r, Text& text, Text& where) { return read_duration(r.plan.remind_every, text, where); }},
      {"resolved",
       [](Receiver& r, Text& text, Text& where) -> Status {
         const auto flag = parse_flag(text);
         if (!flag) return usage_error(where + ": '" + text + "' is not on or off");
         r.plan.tell_resolved = *flag;
         return ok();
       }},
      {"quiet_hours",
       [](Receiver& r, Text& text, Text& where) -> Status {
         TRY(r.plan.quiet, at(QuietHours::parse(text), where));
         return ok();
       }},
  };
  return keys;
}

}  // namespace

Status set_alerts_key(ServeSettings& settings, std::string_view key, const std::string& text, const std::string& where) {
  return set_key<Settings>(alerts_keys(), settings, key, text, where);
}

Status set_webhook_key(ServeSettings::Receiver& receiver, std::string_view key, const std::string& text, const std::string& where) {
  return set_key<Receiver>(webhook_keys(), receiver, key, text, where);
}

Status set_wal_key(ServeSettings& settings, std::string_view key, const std::string& text, const std::string& where) {
  return set_key<Settings>(wal_keys(), settings, key, text, where);
}

bool is_webhook_secret(std::string_view key) { return key == "url" || key == "secret" || key == "routing_key" || key == "authorization"; }

}  // namespace luge
