#include "service/alert/webhook_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "service/quantity_text.h"

namespace luge {

namespace {

using nlohmann::json;
using Event = AlertMessage::Event;

constexpr std::size_t kMostFacts = 20;
constexpr std::size_t kLongestValue = 800;
constexpr std::size_t kLongestHeadline = 500;

std::string written(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

/// Never through a character of UTF-8.
std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "\xE2\x80\xA6";
}

std::vector<std::pair<std::string, std::string>> facts_of(const AlertMessage& message) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const auto& [name, value] : message.alert.facts) {
    if (facts.size() == kMostFacts) {
      facts.emplace_back("more", std::to_string(message.alert.facts.size() - kMostFacts) + " more facts in luge's own API");
      break;
    }
    facts.emplace_back(shortened(name, 100), shortened(value.empty() ? "-" : value, kLongestValue));
  }
  return facts;
}

std::string footer_of(const AlertMessage& message) {
  std::string text(to_string(message.alert.severity));
  text += ", since " + utc_text(message.since);
  if (message.event == Event::resolved) text += ", over at " + utc_text(message.at);
  if (message.waiting > 0) text += "; " + std::to_string(message.waiting) + " more messages wait for the rate limit";
  return text;
}

std::string_view sign_of(const AlertMessage& message) {
  if (message.event == Event::resolved) return "\xE2\x9C\x85 ";                                              // white heavy check mark
  if (message.alert.severity == AlertSeverity::critical) return "\xF0\x9F\x94\xB4 ";                         // red circle
  return message.alert.severity == AlertSeverity::warning ? "\xF0\x9F\x9F\xA0 " : "\xF0\x9F\x94\xB5 ";       // orange, blue circle
}

// Otherwise a table's name could write links and call everybody in the channel.
std::string slack_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

// Cards are Markdown: no links out of names.
std::string card_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string_view to_string(WebhookFormat format) {
  switch (format) {
    case WebhookFormat::json: return "json";
    case WebhookFormat::slack: return "slack";
    case WebhookFormat::pagerduty: return "pagerduty";
    case WebhookFormat::teams: return "teams";
  }
  return "unknown";
}

std::optional<WebhookFormat> parse_webhook_format(std::string_view text) {
  for (const auto format : {WebhookFormat::json, WebhookFormat::slack, WebhookFormat::pagerduty, WebhookFormat::teams}) {
    if (to_string(format) == text) return format;
  }
  return std::nullopt;
}

std::string default_headline(const AlertMessage& message) {
  if (message.event == Event::resolved) return "Resolved: " + message.alert.title;
  return (message.event == Event::reminded ? "Still: " : "") + message.alert.title;
}

std::string json_body(const AlertMessage& message, std::string_view headline) {
  const Alert& alert = message.alert;
  json document = {{"version", 1},
                   {"id", message.id},
                   {"event", to_string(message.event)},
                   {"key", alert.key},
                   {"kind", to_string(alert.kind)},
                   {"severity", to_string(alert.severity)},
                   {"title", shortened(headline, kLongestHeadline)},
                   {"hint", shortened(alert.hint, kLongestValue)},
                   {"since", utc_text(message.since)},
                   {"at", utc_text(message.at)},
                   {"facts", json::object()}};
  for (auto& [name, value] : facts_of(message)) document["facts"][name] = std::move(value);
  if (message.waiting > 0) document["waiting"] = message.waiting;
  return written(document);
}

std::string slack_body(const AlertMessage& message, std::string_view headline) {
  const std::string title = slack_escaped(shortened(headline, kLongestHeadline));
  const auto text = [](std::string markdown) { return json{{"type", "mrkdwn"}, {"text", std::move(markdown)}}; };
  std::string first = std::string(sign_of(message)) + "*" + title + "*";
  if (!message.alert.hint.empty() && message.event != Event::resolved) first += "\n" + slack_escaped(shortened(message.alert.hint, kLongestValue));
  json blocks = json::array({{{"type", "section"}, {"text", text(std::move(first))}}});
  if (message.event != Event::resolved) {
    json fields = json::array();  // ten per section at most
    const auto close_section = [&] {
      if (!fields.empty()) blocks.push_back({{"type", "section"}, {"fields", std::exchange(fields, json::array())}});
    };
    for (const auto& [name, value] : facts_of(message)) {
      fields.push_back(text("*" + slack_escaped(name) + "*\n" + slack_escaped(shortened(value, 300))));
      if (fields.size() == 10) close_section();
    }
    close_section();
  }
  blocks.push_back({{"type", "context"}, {"elements", json::array({text(slack_escaped(footer_of(message)))})}});
  return written({{"text", std::string(sign_of(message)) + title}, {"blocks", std::move(blocks)}});
}

std::string pagerduty_body(const AlertMessage& message, std::string_view headline, std::string_view routing_key) {
  const Alert& alert = message.alert;
  json document = {{"routing_key", routing_key},
                   {"event_action", message.event == Event::resolved ? "resolve" : "trigger"},
                   {"dedup_key", "luge/" + shortened(alert.key, 240)}};
  if (message.event == Event::resolved) return written(document);
  json details = json::object();
  for (auto& [name, value] : facts_of(message)) details[name] = std::move(value);
  if (!alert.hint.empty()) details["hint"] = shortened(alert.hint, kLongestValue);
  document["client"] = "luge";
  document["payload"] = {{"summary", shortened(headline, 1000)},  {"source", "luge/" + shortened(alert.key, 240)},
                         {"severity", to_string(alert.severity)}, {"timestamp", utc_text(message.since)},
                         {"class", to_string(alert.kind)},        {"custom_details", std::move(details)}};
  return written(document);
}

std::string teams_body(const AlertMessage& message, std::string_view headline) {
  const auto block = [](std::string_view text) { return json{{"type", "TextBlock"}, {"text", card_escaped(text)}, {"wrap", true}}; };
  json title = block(std::string(sign_of(message)) + shortened(headline, kLongestHeadline));
  title["weight"] = "Bolder";
  title["size"] = "Medium";
  json body = json::array({std::move(title)});
  if (message.event != Event::resolved) {
    if (!message.alert.hint.empty()) body.push_back(block(shortened(message.alert.hint, kLongestValue)));
    json facts = json::array();
    for (const auto& [name, value] : facts_of(message)) facts.push_back({{"title", card_escaped(name)}, {"value", card_escaped(value)}});
    if (!facts.empty()) body.push_back({{"type", "FactSet"}, {"facts", std::move(facts)}});
  }
  json footer = block(footer_of(message));
  footer["isSubtle"] = true;
  footer["size"] = "Small";
  body.push_back(std::move(footer));
  json card = {
      {"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"}, {"type", "AdaptiveCard"}, {"version", "1.4"}, {"body", std::move(body)}};
  json attachment = {{"contentType", "application/vnd.microsoft.card.adaptive"}, {"contentUrl", nullptr}, {"content", std::move(card)}};
  return written({{"type", "message"}, {"attachments", json::array({std::move(attachment)})}});
}

}  // namespace luge
