#include "service/alert/webhook_sink.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "http/curl_client.h"
#include "service/alert/webhook_signature.h"
#include "service/alert/webhook_url.h"
#include "service/quantity_text.h"

namespace luge {

namespace {

constexpr const char* kPagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
constexpr std::size_t kLargestResponse = 64U << 10;
constexpr std::int64_t kLongestWaitSeconds = 3600;

Error bad(const WebhookOptions& options, std::string what, std::string hint) {
  Error error = fatal("bad_webhook", "webhook " + options.name + ": " + std::move(what), std::move(hint));
  error.exit_code = ExitCode::usage;
  return error;
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::unique_ptr<HttpClient> make_curl_client(const WebhookOptions& options, const NetworkRule& networks, std::stop_token stop) {
  CurlOptions curl;
  curl.ca_file = options.ca_file;
  curl.connect_timeout = options.timeout;
  curl.stop = std::move(stop);
  curl.largest_response_bytes = kLargestResponse;
  curl.may_connect = [networks](std::string_view address) { return networks.permits(address); };
  return std::make_unique<CurlClient>(std::move(curl));
}

/// Retry-After in seconds; its other form, a date, is as good as none.
Duration wish_of(const HttpResponse& response) {
  const std::string_view text = response.header("retry-after");
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || end != text.data() + text.size()) return Duration(0);
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongestWaitSeconds));
}

/// Not the answer's text: it is the receiver's, and may repeat what it was sent.
Error error_of(const WebhookOptions& options, int status) {
  const std::string what = "webhook " + options.name + " answered with HTTP " + std::to_string(status);
  const bool receiver = status == 408 || status == 425 || status == 429 || status >= 500;
  if (receiver) return make_error(Recovery::retry, "webhook_unavailable", what, "luge tries again");
  if (status >= 300 && status < 400) return fatal("webhook_redirected", what, "luge follows no redirects: give the URL that it leads to");
  return fatal("webhook_refused", what, "check URL, format and key of the webhook; luge tries this message again later");
}

}  // namespace

Result<std::unique_ptr<WebhookSink>> WebhookSink::create(WebhookOptions options, const Clock& clock) {
  return create(std::move(options), clock, make_curl_client);
}

Result<std::unique_ptr<WebhookSink>> WebhookSink::create(WebhookOptions options, const Clock& clock, const MakeClient& make_client) {
  if (options.format == WebhookFormat::pagerduty) {
    if (options.url.empty()) options.url = kPagerDutyUrl;
    if (options.routing_key.size() != 32)
      return bad(options, "PagerDuty's integration key has 32 characters", "copy it from the Events API V2 integration");
  }
  if (!options.body_template.empty() && options.format != WebhookFormat::json)
    return bad(options, "a template of the whole body is for the format json only", "headline_template works with every format");
  for (const auto& [name, value] : options.headers) {
    if (!is_header_name(name) || value.find_first_of("\r\n") != std::string::npos) return bad(options, "a header is malformed", "write Name: value");
  }
  if (options.timeout.count() <= 0) return bad(options, "its timeout is not positive", "5s is the default");
  TRY(const NetworkRule networks, NetworkRule::parse(options.private_networks));
  if (Status url = check_webhook_url(options.url, options.allowed_hosts, networks); !url) return bad(options, url.error().what, url.error().hint);

  std::unique_ptr<WebhookSink> sink(new WebhookSink(std::move(options), clock));
  if (!sink->options_.headline_template.empty()) {
    TRY(sink->headline_, MessageTemplate::parse(sink->options_.headline_template));
  }
  if (!sink->options_.body_template.empty()) {
    TRY(sink->body_, MessageTemplate::parse(sink->options_.body_template));
    const std::string sample = sink->body_->render(AlertMessage{}, MessageTemplate::Escape::json);
    if (!nlohmann::json::accept(sample))
      return bad(sink->options_, "its body_template makes no JSON document", "quote the places: \"text\": \"{{title}}\"");
  }
  sink->client_ = make_client(sink->options_, networks, sink->stop_.get_token());
  return sink;
}

std::string WebhookSink::body_of(const AlertMessage& message) const {
  if (body_) return body_->render(message, MessageTemplate::Escape::json);
  const std::string headline = headline_ ? headline_->render(message, MessageTemplate::Escape::none) : default_headline(message);
  switch (options_.format) {
    case WebhookFormat::json: break;
    case WebhookFormat::slack: return slack_body(message, headline);
    case WebhookFormat::pagerduty: return pagerduty_body(message, headline, options_.routing_key);
    case WebhookFormat::teams: return teams_body(message, headline);
  }
  return json_body(message, headline);
}

HttpHeaders WebhookSink::headers_for(const AlertMessage& message, std::string_view body) const {
  HttpHeaders headers = options_.headers;
  headers.emplace_back("Content-Type", "application/json");
  headers.emplace_back("X-Luge-Delivery", url_encode(message.id));  // names of tables may hold any character, a header may not
  if (!options_.secret.empty()) {
    headers.emplace_back("X-Luge-Signature", webhook_signature(options_.secret, unix_seconds(clock_.wall_now()), body));
  }
  return headers;
}

Delivery WebhookSink::deliver(const AlertMessage& message) {
  const std::string body = body_of(message);
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = options_.url;
  request.headers = headers_for(message, body);
  request.body = body;
  request.timeout = options_.timeout;
  auto response = client_->send(request);
  if (!response) {
    Error error = std::move(response).error();
    error.recovery = Recovery::retry;  // whatever it is, the next message will meet it too
    error.what = "webhook " + options_.name + ": " + error.what;
    return {std::move(error), Duration(0)};
  }
  if (response->good()) return {};
  return {error_of(options_, response->status), wish_of(*response)};
}

}  // namespace luge
