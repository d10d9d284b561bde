#include "destination/snowflake/sdk/sdk_properties.h"

#include <string_view>

#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/auth/oauth_grant.h"

namespace luge {

namespace {

/// Rows mode: whatever may be buffered is sent inline. See docs/decisions/0010-python-bridge.md for each value.
constexpr std::pair<const char*, const char*> kFixed[] = {
    {"max_inflight_megabytes_per_channel", "32"},   // append answers ReceiverSaturated above this
    {"max_buffered_kb_for_rowset_mode", "65535"},   // more than may be in flight
    {"target_rowset_payload_size_mb", "2"},         // a request is closed once it holds this much, before compression
    {"max_rowset_payload_size_mb", "16"},           // above it a file: more than target + one append, one row included
    {"max_append_request_buffer_duration_ms", "100"},  // ten requests a second and channel are allowed; the default is a second
    {"mgmt_retry_total_backoff_seconds", "5"},
    {"non_scoped_auth_failure_retry_total_backoff_seconds", "3"},
    {"data_retry_total_backoff_seconds", "60"},
};

Status set_endpoint(const std::string& url, SdkProperties& properties) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) {
    return fatal("bad_url", "the Snowpipe Streaming SDK speaks https only, and snowflake: url begins otherwise",
                 "give an https URL, or set snowflake: transport: rest");
  }
  std::string host = url.substr(kScheme.size()), port = "443";
  if (const std::size_t slash = host.find('/'); slash != std::string::npos) host.resize(slash);
  if (const std::size_t colon = host.rfind(':'); colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    port = host.substr(colon + 1);
    host.resize(colon);
  }
  if (host.empty() || port.empty())
    return fatal("bad_url", "snowflake: url names no host, or an empty port", "write https://HOST or https://HOST:PORT");
  properties["scheme"] = "https";
  properties["host"] = host;
  properties["port"] = port;
  return ok();
}

/// The SDK fetches and renews its tokens itself.
void set_oauth(const OauthGrant& grant, SdkProperties& properties) {
  properties["authorization_type"] = "OAUTH";
  properties["oauth_client_id"] = grant.client_id;
  properties["oauth_client_secret"] = grant.client_secret;
  properties["oauth_token_endpoint"] = grant.endpoint;
  if (!grant.refresh_token.empty()) properties["oauth_refresh_token"] = grant.refresh_token;
  properties["oauth_include_scope"] = grant.scope.empty() ? "false" : "true";
  if (!grant.scope.empty()) properties["oauth_scope"] = grant.scope;
}

Status set_credential(const SnowflakeOptions& options, SdkProperties& properties) {
  if (!options.private_key_file.empty()) {
    TRY(const KeyPair key, KeyPair::load(options.private_key_file, options.private_key_passphrase));
    properties["private_key"] = key.private_pem({});  // stays in this process
  } else if (!options.pat.empty()) {
    properties["authorization_type"] = "PAT";
    properties["personal_access_token"] = options.pat;
  } else if (!options.oauth_client_id.empty()) {
    set_oauth(oauth_grant(options), properties);
  } else if (!options.oauth_token.empty()) {
    return fatal("auth", "the Snowpipe Streaming SDK takes no OAuth access token: it fetches its own",
                 "give oauth_client_id and oauth_client_secret with oauth_refresh_token or oauth_token_endpoint; or set snowflake: transport: rest, "
                 "which takes the token as it is");
  } else {
    return fatal("auth", "the section snowflake has no credential", "give private_key_file, pat or oauth_client_id");
  }
  return ok();
}

}  // namespace

Result<SdkProperties> sdk_properties(const SnowflakeOptions& options) {
  SdkProperties properties(std::begin(kFixed), std::end(kFixed));
  properties["account"] = options.account;
  properties["user"] = options.user;
  if (!options.role.empty()) properties["role"] = options.role;
  CHECK_OK(set_endpoint(options.url, properties));
  CHECK_OK(set_credential(options, properties));
  return properties;
}

}  // namespace luge
