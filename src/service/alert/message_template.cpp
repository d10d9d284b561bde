#include "service/alert/message_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "service/quantity_text.h"

namespace luge {

namespace {

constexpr std::array<std::string_view, 10> kPlaces = {"title", "severity", "event", "key", "kind", "hint", "since", "at", "id", "facts"};
constexpr std::string_view kFact = "fact:";

Error bad(std::string what) {
  std::string names;
  for (const std::string_view name : kPlaces) names.append("{{").append(name).append("}} ");
  Error error = fatal("bad_template", std::move(what), "places are " + names + "{{fact:NAME}}");
  error.exit_code = ExitCode::usage;
  return error;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string value_of(std::string_view place, const AlertMessage& message) {
  const Alert& alert = message.alert;
  if (place == "title") return alert.title;
  if (place == "severity") return std::string(to_string(alert.severity));
  if (place == "event") return std::string(to_string(message.event));
  if (place == "key") return alert.key;
  if (place == "kind") return std::string(to_string(alert.kind));
  if (place == "hint") return alert.hint;
  if (place == "since") return utc_text(message.since);
  if (place == "at") return utc_text(message.at);
  if (place == "id") return message.id;
  std::string text;
  for (const auto& [name, value] : alert.facts) {
    if (place == "facts") {
      text += (text.empty() ? "" : "\n") + name + ": " + value;
    } else if (place.substr(kFact.size()) == name) {
      return value;
    }
  }
  return text;
}

std::string json_inside(const std::string& text) {
  const std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Result<MessageTemplate> MessageTemplate::parse(std::string_view text) {
  MessageTemplate parsed;
  while (!text.empty()) {
    const auto open = text.find("{{");
    if (open != 0) parsed.parts_.push_back({false, std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos) return bad("a {{ of the template is not closed");
    const std::string_view name = trimmed(text.substr(open + 2, close - open - 2));
    const bool fact = name.starts_with(kFact) && name.size() > kFact.size();
    if (!fact && std::ranges::find(kPlaces, name) == kPlaces.end()) return bad("the template has an unknown place {{" + std::string(name) + "}}");
    parsed.parts_.push_back({true, std::string(name)});
    text.remove_prefix(close + 2);
  }
  return parsed;
}

std::string MessageTemplate::render(const AlertMessage& message, Escape escape) const {
  std::string out;
  for (const Part& part : parts_) {
    if (!part.place) {
      out += part.text;
    } else {
      const std::string value = value_of(part.text, message);
      out += escape == Escape::json ? json_inside(value) : value;
    }
  }
  return out;
}

}  // namespace luge
