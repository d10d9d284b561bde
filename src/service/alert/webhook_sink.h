#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/http_client.h"
#include "service/alert/alert_sink.h"
#include "service/alert/message_template.h"
#include "service/alert/network_rule.h"
#include "service/alert/webhook_body.h"

namespace luge {

/// url, secret, routing_key and headers may be secrets: never logged, never in an error.
struct WebhookOptions {
  std::string name;                           ///< for people, logs and metrics
  WebhookFormat format = WebhookFormat::json;
  std::string url;                            ///< empty with pagerduty: its own
  std::string secret;                         ///< signs every request (X-Luge-Signature); empty: unsigned
  std::string routing_key;                    ///< pagerduty: the integration key
  HttpHeaders headers;                        ///< more of them, for a receiver that wants an Authorization
  std::string headline_template;              ///< empty: the alert's title
  std::string body_template;                  ///< json only: the whole document; empty: luge's own
  std::vector<std::string> allowed_hosts;     ///< empty: every host with a public address
  std::vector<std::string> private_networks;  ///< addresses that may be reached though they are not public
  std::string ca_file;                        ///< of a private authority
  Duration timeout = std::chrono::seconds(5);
};

/// Posts messages to a webhook. Safety: https, no redirects, addresses checked as they are connected to (network_rule.h), small answers,
/// a short timeout.
class WebhookSink final : public AlertSink {
 public:
  using MakeClient = std::function<std::unique_ptr<HttpClient>(const WebhookOptions&, const NetworkRule&, std::stop_token)>;

  /// Errors: usage "bad_webhook", "bad_network", "bad_template".
  static Result<std::unique_ptr<WebhookSink>> create(WebhookOptions options, const Clock& clock);
  /// With another client, for tests.
  static Result<std::unique_ptr<WebhookSink>> create(WebhookOptions options, const Clock& clock, const MakeClient& make_client);

  const std::string& name() const override { return options_.name; }
  Delivery deliver(const AlertMessage& message) override;
  void interrupt() override { stop_.request_stop(); }

 private:
  WebhookSink(WebhookOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}
  std::string body_of(const AlertMessage& message) const;
  HttpHeaders headers_for(const AlertMessage& message, std::string_view body) const;

  WebhookOptions options_;
  const Clock& clock_;
  std::optional<MessageTemplate> headline_;
  std::optional<MessageTemplate> body_;
  std::stop_source stop_;
  std::unique_ptr<HttpClient> client_;
};

}  // namespace luge
