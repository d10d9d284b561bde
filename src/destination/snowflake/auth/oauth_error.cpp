#include "destination/snowflake/auth/oauth_error.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace luge {

namespace {

using Json = nlohmann::json;

struct CodeRule {
  std::string_view code;
  bool transient;
  const char* meaning;
  const char* fix;
};

constexpr const char* kClientFix =
    "check snowflake.oauth_client_id and oauth_client_secret; of Snowflake's own integration an administrator sees them with "
    "SELECT SYSTEM$SHOW_OAUTH_CLIENT_SECRETS('INTEGRATION');";
constexpr const char* kEndpointFix = "check snowflake.oauth_token_endpoint: it is the address that gives tokens, not the one where people sign in";

// RFC 6749 §5.2 and §4.1.2.1, RFC 8707, OpenID Connect.
constexpr CodeRule kCodes[] = {
    {"invalid_client", false, "the client or its secret is not known there", kClientFix},
    {"invalid_grant", false, "the refresh token has ended, was revoked, was used before, or is another client's",
     "sign in again for a new refresh token, and give it as snowflake.oauth_refresh_token"},
    {"unauthorized_client", false, "the client may not use this grant",
     "allow the client this grant there; with oauth_refresh_token it is refresh_token, without it client_credentials"},
    {"invalid_scope", false, "the scope is unknown there or not granted",
     "check snowflake.oauth_scope; without it luge asks for session:role:ROLE of snowflake.role, which the user has to have"},
    {"unsupported_grant_type", false, "it does not know this grant", kEndpointFix},
    {"invalid_request", false, "it does not understand the request", kEndpointFix},
    {"invalid_target", false, "it gives no tokens for this resource", "check snowflake.oauth_scope"},
    {"access_denied", false, "it denies access", "look at the client's assignments there"},
    {"interaction_required", false, "it wants a person to sign in", "sign in again for a new refresh token"},
    {"consent_required", false, "it wants a person's consent", "give the client's consent there"},
    {"server_error", true, "", ""},
    {"temporarily_unavailable", true, "", ""},
    {"slow_down", true, "", ""},
};

const CodeRule* rule_of(std::string_view body) {
  const Json document = Json::parse(body, nullptr, false);
  if (!document.is_object()) return nullptr;
  const auto found = document.find("error");
  if (found == document.end() || !found->is_string()) return nullptr;
  const auto& code = found->get_ref<const std::string&>();
  const auto* const rule = std::find_if(std::begin(kCodes), std::end(kCodes), [&](const CodeRule& entry) { return entry.code == code; });
  return rule == std::end(kCodes) ? nullptr : rule;
}

bool is_transient(int status) { return status == 408 || status == 429 || status >= 500; }

Error refusal(int status, const CodeRule* rule, const std::string& text, const OauthGrant& grant) {
  if (rule != nullptr) {
    const bool of_scope = rule->code == "invalid_scope" && !grant.scope.empty();
    return fatal("oauth", text + ": " + rule->meaning + (of_scope ? " (" + grant.scope + ")" : ""), rule->fix);
  }
  if (status == 401) return fatal("oauth", text, kClientFix);
  if (status == 404 || status == 405 || (status >= 300 && status < 400)) return fatal("oauth", text + ": no token endpoint is there", kEndpointFix);
  return fatal("oauth", text, "look at the log of the security integration or of the identity provider");
}

}  // namespace

Error oauth_error(const HttpResponse& response, const OauthGrant& grant) {
  const CodeRule* const rule = rule_of(response.body);
  const std::string text = "the OAuth token endpoint " + grant.endpoint.substr(0, grant.endpoint.find('?')) + " answered " +
                           std::to_string(response.status) + (rule == nullptr ? "" : " " + std::string(rule->code)) + " to the grant " + grant.type();
  if (is_transient(response.status) || (rule != nullptr && rule->transient))
    return make_error(Recovery::retry, "oauth_unavailable", text, "luge tries again");
  if (response.good() && rule == nullptr) {
    return make_error(Recovery::retry, "oauth_unavailable", text + " without a token that luge can read",
                      "luge tries again; see whether a proxy answers");
  }
  return refusal(response.status, rule, text, grant);
}

}  // namespace luge
