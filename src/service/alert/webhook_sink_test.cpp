#include "service/alert/webhook_sink.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "service/alert/alert_manager.h"
#include "service/alert/webhook_signature.h"
#include "service/quantity_text.h"

namespace luge {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

/// A real HTTP server on a free port of the loopback. It answers as it is told, or as the path says, and records what it is sent.
class Receiver {
 public:
  Receiver() {
    server_.Post("/hook", [this](const httplib::Request& request, httplib::Response& response) {
      record(request);
      response.status = status_;
      if (status_ == 429) response.set_header("Retry-After", "7");
    });
    server_.Post("/moved", [this](const httplib::Request& request, httplib::Response& response) {
      record(request);
      response.set_redirect("/secret");
    });
    server_.Post("/secret", [this](const httplib::Request& request, httplib::Response&) { record(request); });
    server_.Get("/secret", [this](const httplib::Request& request, httplib::Response&) { record(request); });
    server_.Post("/slow", [this](const httplib::Request& request, httplib::Response&) {
      record(request);
      for (int i = 0; i < 1000 && !ending_; ++i) std::this_thread::sleep_for(milliseconds(10));
    });
    server_.Post("/huge", [this](const httplib::Request& request, httplib::Response& response) {
      record(request);
      response.set_content(std::string(1U << 20, 'x'), "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(milliseconds(1));
  }
  ~Receiver() {
    ending_ = true;
    server_.stop();
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  void answer(int status) { status_ = status; }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  int port() const { return port_; }
  std::vector<httplib::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  bool wait(const std::function<bool(const std::vector<httplib::Request>&)>& until) const {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, seconds(20), [&] { return until(requests_); });
  }

 private:
  void record(const httplib::Request& request) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    arrived_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::vector<httplib::Request> requests_;
  std::atomic<int> status_{200};
  std::atomic<bool> ending_{false};
  httplib::Server server_;
  int port_ = 0;
  std::jthread thread_;
};

AlertMessage message(const std::string& key = "wal/orders") {
  AlertMessage message;
  message.alert = {key, AlertKind::wal, AlertSeverity::critical, "slot luge_app is lost in 12 min", "look at its reader", {{"retained", "9 GiB"}}};
  message.id = key + "@7.0.fired.critical";
  return message;
}

class WebhookSinkTest : public testing::Test {
 protected:
  WebhookOptions options(const std::string& path = "/hook") const {
    WebhookOptions options;
    options.name = "ops";
    options.url = receiver_.url(path);
    options.private_networks = {"127.0.0.1"};
    options.timeout = seconds(5);
    return options;
  }
  std::unique_ptr<WebhookSink> sink(const WebhookOptions& with) const {
    auto made = WebhookSink::create(with, clock_);
    EXPECT_TRUE(made) << made.error().message();
    return made ? *std::move(made) : nullptr;
  }

  SystemClock clock_;
  Receiver receiver_;
};

TEST_F(WebhookSinkTest, posts_a_signed_document) {
  WebhookOptions with = options();
  with.secret = "hush";
  with.headers = {{"Authorization", "Bearer token"}};
  const auto to = sink(with);
  const Delivery delivery = to->deliver(message("quarantine/app/pub lic.\xC3\xBC"));
  ASSERT_TRUE(delivery.status) << delivery.status.error().message();
  const auto requests = receiver_.requests();
  ASSERT_EQ(requests.size(), 1U);
  const auto& request = requests[0];
  EXPECT_EQ(request.get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(request.get_header_value("Authorization"), "Bearer token");
  EXPECT_EQ(request.get_header_value("X-Luge-Delivery"), "quarantine/app/pub lic.\xC3\xBC@7.0.fired.critical") << "as httplib decodes it";
  const std::string signature = request.get_header_value("X-Luge-Signature");
  ASSERT_EQ(signature.substr(0, 2), "t=");
  const std::int64_t time = std::stoll(signature.substr(2));
  EXPECT_NEAR(static_cast<double>(time), static_cast<double>(unix_seconds(clock_.wall_now())), 30);
  EXPECT_EQ(signature, webhook_signature("hush", time, request.body));
  EXPECT_EQ(json::parse(request.body)["title"], "slot luge_app is lost in 12 min");
  EXPECT_THAT(request.body, Not(HasSubstr("hush")));
}

TEST_F(WebhookSinkTest, unsigned_without_a_secret) {
  ASSERT_TRUE(sink(options())->deliver(message()).status);
  EXPECT_FALSE(receiver_.requests().at(0).has_header("X-Luge-Signature"));
}

TEST_F(WebhookSinkTest, every_format_arrives) {
  for (const auto format : {WebhookFormat::json, WebhookFormat::slack, WebhookFormat::pagerduty, WebhookFormat::teams}) {
    WebhookOptions with = options();
    with.format = format;
    with.routing_key = std::string(32, 'k');
    ASSERT_TRUE(sink(with)->deliver(message()).status);
  }
  const auto requests = receiver_.requests();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_EQ(json::parse(requests[0].body)["key"], "wal/orders");
  EXPECT_TRUE(json::parse(requests[1].body).contains("blocks"));
  EXPECT_EQ(json::parse(requests[2].body)["event_action"], "trigger");
  EXPECT_TRUE(json::parse(requests[3].body).contains("attachments"));
}

TEST_F(WebhookSinkTest, templates_of_headline_and_body) {
  WebhookOptions with = options();
  with.format = WebhookFormat::slack;
  with.headline_template = "[{{severity}}] {{title}}";
  ASSERT_TRUE(sink(with)->deliver(message()).status);
  with.format = WebhookFormat::json;
  with.headline_template.clear();
  with.body_template = R"({"message": "{{title}}", "retained": "{{fact:retained}}"})";
  ASSERT_TRUE(sink(with)->deliver(message()).status);
  const auto requests = receiver_.requests();
  EXPECT_THAT(requests.at(0).body, HasSubstr("[critical] slot luge_app is lost"));
  EXPECT_EQ(json::parse(requests.at(1).body), json({{"message", "slot luge_app is lost in 12 min"}, {"retained", "9 GiB"}}));
}

TEST_F(WebhookSinkTest, tells_trouble_of_the_receiver_from_trouble_with_the_message) {
  const auto to = sink(options());
  for (const int status : {408, 429, 500, 502, 503}) {
    receiver_.answer(status);
    const Delivery delivery = to->deliver(message());
    ASSERT_FALSE(delivery.status) << status;
    EXPECT_EQ(delivery.status.error().code, "webhook_unavailable");
    EXPECT_EQ(delivery.status.error().recovery, Recovery::retry);
    EXPECT_EQ(delivery.not_before, seconds(status == 429 ? 7 : 0));
  }
  for (const int status : {400, 401, 403, 404, 410, 413}) {
    receiver_.answer(status);
    const Delivery delivery = to->deliver(message());
    ASSERT_FALSE(delivery.status) << status;
    EXPECT_EQ(delivery.status.error().code, "webhook_refused");
    EXPECT_NE(delivery.status.error().recovery, Recovery::retry);
  }
  receiver_.answer(202);
  EXPECT_TRUE(to->deliver(message()).status);
}

TEST_F(WebhookSinkTest, follows_no_redirect) {
  const Delivery delivery = sink(options("/moved"))->deliver(message());
  ASSERT_FALSE(delivery.status);
  EXPECT_EQ(delivery.status.error().code, "webhook_redirected");
  for (const auto& request : receiver_.requests()) EXPECT_EQ(request.path, "/moved");
}

TEST_F(WebhookSinkTest, does_not_wait_for_a_slow_receiver_nor_read_a_huge_answer) {
  WebhookOptions with = options("/slow");
  with.timeout = milliseconds(200);
  const auto begun = std::chrono::steady_clock::now();
  const Delivery slow = sink(with)->deliver(message());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(3));
  ASSERT_FALSE(slow.status);
  EXPECT_EQ(slow.status.error().code, "timeout");
  EXPECT_EQ(slow.status.error().recovery, Recovery::retry);
  const Delivery huge = sink(options("/huge"))->deliver(message());
  ASSERT_FALSE(huge.status);
  EXPECT_EQ(huge.status.error().code, "response_too_large");
}

TEST_F(WebhookSinkTest, ends_early_when_it_is_interrupted) {
  WebhookOptions with = options("/slow");
  const auto to = sink(with);
  const std::jthread interrupter([&] {
    std::this_thread::sleep_for(milliseconds(100));
    to->interrupt();
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(to->deliver(message()).status.error().code, "cancelled");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(4));
}

TEST_F(WebhookSinkTest, a_name_that_leads_to_a_private_address_is_not_reached) {
  // The name passes every check of the text; where it leads is seen when it is connected to.
  WebhookOptions with = options();
  with.private_networks.clear();
  with.url = "https://localhost:" + std::to_string(receiver_.port()) + "/hook";
  const Delivery delivery = sink(with)->deliver(message());
  ASSERT_FALSE(delivery.status);
  EXPECT_EQ(delivery.status.error().code, "address_refused") << delivery.status.error().what;
  EXPECT_TRUE(receiver_.requests().empty());
}

TEST_F(WebhookSinkTest, nothing_is_made_of_bad_options) {
  const auto code_of = [this](const std::function<void(WebhookOptions&)>& change) {
    WebhookOptions with = options();
    change(with);
    const auto made = WebhookSink::create(with, clock_);
    EXPECT_FALSE(made);
    if (made) return std::string("made");
    EXPECT_EQ(made.error().exit_code, ExitCode::usage);
    EXPECT_THAT(made.error().message(), Not(HasSubstr("hushhush")));
    return made.error().code;
  };
  EXPECT_EQ(code_of([](auto& with) { with.private_networks.clear(); }), "bad_webhook") << "127.0.0.1";
  EXPECT_EQ(code_of([](auto& with) { with.url = "http://example.com/hushhush"; }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.url.clear(); }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.allowed_hosts = {"hooks.slack.com"}; }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.private_networks = {"intranet"}; }), "bad_network");
  EXPECT_EQ(code_of([](auto& with) { with.headline_template = "{{nothing}}"; }), "bad_template");
  EXPECT_EQ(code_of([](auto& with) { with.body_template = "{\"a\": {{title}}}"; }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.headers = {{"X", "hushhush\r\nY: z"}}; }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.headers = {{"X Y", "z"}}; }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) { with.timeout = Duration(0); }), "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) {
              with.format = WebhookFormat::pagerduty;
              with.routing_key = "hushhush";
            }),
            "bad_webhook");
  EXPECT_EQ(code_of([](auto& with) {
              with.format = WebhookFormat::teams;
              with.body_template = "{}";
            }),
            "bad_webhook");
}

// The manager, over the wire.

Alert alert(const std::string& key) {
  Alert alert;
  alert.key = key;
  alert.kind = AlertKind::wal;
  alert.severity = AlertSeverity::critical;
  alert.title = "trouble with " + key;
  return alert;
}

std::vector<std::string> events_of(const std::vector<httplib::Request>& requests) {
  std::vector<std::string> events;
  for (const auto& request : requests) {
    const auto document = json::parse(request.body);
    events.push_back(document["event"].get<std::string>() + " " + document["key"].get<std::string>());
  }
  return events;
}

TEST_F(WebhookSinkTest, a_receiver_that_is_down_hears_of_it_once_it_is_back) {
  receiver_.answer(503);
  std::vector<AlertReceiver> receivers(1);
  receivers[0].sink = sink(options());
  receivers[0].plan.retry = {.first_delay = milliseconds(20), .max_delay = milliseconds(100)};
  receivers[0].plan.rate = {.per_second = 100, .burst = 100};
  AlertManager manager(std::move(receivers), {.settle = milliseconds(50)}, clock_);
  manager.raise(alert("wal/a"));
  ASSERT_TRUE(receiver_.wait([](const auto& requests) { return requests.size() >= 3; }));
  EXPECT_EQ(receiver_.requests()[0].get_header_value("X-Luge-Delivery"), receiver_.requests()[2].get_header_value("X-Luge-Delivery"));
  EXPECT_FALSE(manager.drain(milliseconds(50)));
  EXPECT_EQ(manager.receivers().at(0).waiting, 1U);
  EXPECT_EQ(manager.receivers().at(0).last_error->code, "webhook_unavailable");
  const std::size_t refused = receiver_.requests().size();
  receiver_.answer(200);
  EXPECT_TRUE(manager.drain(seconds(20)));
  manager.resolve("wal/a");
  ASSERT_TRUE(receiver_.wait([](const auto& requests) { return events_of(requests).back() == "resolved wal/a"; }));
  ASSERT_TRUE(manager.drain(seconds(20)));
  EXPECT_GE(receiver_.requests().size(), refused + 1);
  EXPECT_EQ(manager.receivers().at(0).delivered, 2U);
  EXPECT_FALSE(manager.receivers().at(0).last_error);
}

TEST_F(WebhookSinkTest, a_slow_receiver_delays_nobody_else) {
  std::vector<AlertReceiver> receivers(2);
  WebhookOptions slow = options("/slow");
  slow.timeout = seconds(5);
  receivers[0].sink = sink(slow);
  receivers[1].sink = sink(options());
  {
    AlertManager manager(std::move(receivers), {}, clock_);
    const auto begun = std::chrono::steady_clock::now();
    manager.raise(alert("wal/a"));
    ASSERT_TRUE(receiver_.wait(
        [](const auto& requests) { return std::ranges::any_of(requests, [](const auto& request) { return request.path == "/hook"; }); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(4));
  }  // ends the slow delivery
}

}  // namespace
}  // namespace luge
