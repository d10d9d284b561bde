#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "service/alert/alert.h"

namespace luge {

enum class WebhookFormat : char {
  json,       ///< luge's own document (docs/reference/alerts.md)
  slack,      ///< incoming webhook
  pagerduty,  ///< Events API v2
  teams,      ///< Microsoft Teams: a workflow that posts an adaptive card
};
std::string_view to_string(WebhookFormat format);
std::optional<WebhookFormat> parse_webhook_format(std::string_view text);

/// "Resolved: …", "Still: …", or the title as it is.
std::string default_headline(const AlertMessage& message);

/// Request bodies. `headline` is what people see first. Texts that are too long for the receiver are cut; bytes that are no UTF-8 replaced.
std::string json_body(const AlertMessage& message, std::string_view headline);
std::string slack_body(const AlertMessage& message, std::string_view headline);
std::string pagerduty_body(const AlertMessage& message, std::string_view headline, std::string_view routing_key);
std::string teams_body(const AlertMessage& message, std::string_view headline);

}  // namespace luge
