#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/alert/network_rule.h"

namespace luge {

/// What must hold of a webhook's URL before anything is resolved: https, a plain host that is on the list, no user and password, no
/// address that the rule forbids. Plain http only to a loopback address that the operator permitted. The URL itself may be a secret
/// (Slack's and Teams' are), so errors name the host alone. Errors: usage "bad_webhook".
/// `allowed_hosts`: "hooks.slack.com", "*.example.com"; none: every host.
Status check_webhook_url(std::string_view url, const std::vector<std::string>& allowed_hosts, const NetworkRule& networks);

}  // namespace luge
