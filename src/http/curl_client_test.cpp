#include "http/curl_client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <httplib.h>
#include <string>
#include <thread>
#include <vector>

namespace luge {
namespace {

/// A real server on a free port of the loopback.
class CurlClientTest : public testing::Test {
 protected:
  CurlClientTest() {
    server_.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
      response.set_header("X-Seen-Type", request.get_header_value("Content-Type"));
      response.set_header("X-Seen-Agent", request.get_header_value("User-Agent"));
      response.set_header("X-Seen-Query", request.get_param_value("q"));
      response.set_content(request.body, "text/plain");
    });
    server_.Put("/echo",
                [](const httplib::Request& request, httplib::Response& response) { response.set_content("put " + request.body, "text/plain"); });
    server_.Delete("/echo", [](const httplib::Request&, httplib::Response& response) { response.status = 204; });
    server_.Get("/gone", [](const httplib::Request&, httplib::Response& response) {
      response.status = 410;
      response.set_content("Gone", "text/plain");
    });
    server_.Get("/moved", [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/gone"); });
    server_.Get("/slow", [this](const httplib::Request&, httplib::Response& response) {
      for (int i = 0; i < 300 && !ending_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      response.set_content("late", "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~CurlClientTest() override {
    ending_ = true;
    server_.stop();
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

  httplib::Server server_;
  std::atomic<bool> ending_{false};
  int port_ = 0;
  std::jthread thread_;
};

TEST_F(CurlClientTest, sends_and_receives) {
  CurlOptions options;
  options.user_agent = "luge-test";
  CurlClient client(options);
  const std::string body("line\n\0binary", 12);
  for (int i = 0; i < 3; ++i) {
    const auto response =
        client.send({HttpRequest::Method::post, url("/echo?q=" + url_encode("a b/ü")), {{"Content-Type", "application/x-ndjson"}}, body});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_TRUE(response->good());
    EXPECT_EQ(response->body, body);
    EXPECT_EQ(response->header("x-seen-type"), "application/x-ndjson");
    EXPECT_EQ(response->header("x-seen-agent"), "luge-test");
    EXPECT_EQ(response->header("x-seen-query"), "a b/ü");
    EXPECT_EQ(response->header("absent"), "");
  }
  const auto put = client.send({HttpRequest::Method::put, url("/echo"), {}, "x"});
  ASSERT_TRUE(put);
  EXPECT_EQ(put->body, "put x");
  const auto empty = client.send({HttpRequest::Method::post, url("/echo"), {}, {}});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->body, "");
  const auto removed = client.send({HttpRequest::Method::remove, url("/echo"), {}, {}});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->status, 204);
}

TEST_F(CurlClientTest, any_status_is_an_answer_and_redirects_are_not_followed) {
  CurlClient client({});
  const auto gone = client.send({HttpRequest::Method::get, url("/gone"), {}, {}});
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->status, 410);
  EXPECT_EQ(gone->body, "Gone");
  const auto moved = client.send({HttpRequest::Method::get, url("/moved"), {}, {}});
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->status, 302);
}

TEST_F(CurlClientTest, a_late_answer_leaves_the_outcome_unknown) {
  CurlClient client({});
  const auto late = client.send({HttpRequest::Method::get, url("/slow"), {}, {}, std::chrono::milliseconds(100)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "timeout");
  EXPECT_EQ(late.error().recovery, Recovery::retry);
  EXPECT_EQ(late.error().write_state, WriteState::unknown);
}

TEST_F(CurlClientTest, an_exchange_ends_when_luge_stops) {
  std::stop_source stop;
  CurlOptions options;
  options.stop = stop.get_token();
  CurlClient client(options);
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const auto cancelled = client.send({HttpRequest::Method::get, url("/slow"), {}, {}});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, "cancelled");
}

TEST_F(CurlClientTest, connects_only_where_it_may) {
  std::vector<std::string> asked;
  CurlOptions options;
  options.may_connect = [&asked](std::string_view address) {
    asked.emplace_back(address);
    return false;
  };
  CurlClient client(options);
  for (const std::string& name : {std::string("localhost"), std::string("127.0.0.1")}) {
    asked.clear();
    const auto refused = client.send({HttpRequest::Method::get, "http://" + name + ":" + std::to_string(port_) + "/gone", {}, {}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "address_refused") << refused.error().what;
    EXPECT_EQ(refused.error().write_state, WriteState::not_applied);
    EXPECT_NE(std::find(asked.begin(), asked.end(), "127.0.0.1"), asked.end());
  }
  options.may_connect = [](std::string_view address) { return address == "127.0.0.1"; };
  CurlClient permitted(options);
  const auto gone = permitted.send({HttpRequest::Method::get, url("/gone"), {}, {}});
  ASSERT_TRUE(gone) << gone.error().message();
  EXPECT_EQ(gone->status, 410);
}

TEST_F(CurlClientTest, a_response_may_not_be_larger_than_asked_for) {
  CurlOptions options;
  options.largest_response_bytes = 100;
  CurlClient client(options);
  const std::string body(101, 'x');
  EXPECT_EQ(client.send({HttpRequest::Method::post, url("/echo"), {}, body}).error().code, "response_too_large");
  EXPECT_TRUE(client.send({HttpRequest::Method::post, url("/echo"), {}, std::string_view(body).substr(1)}));
}

TEST(CurlClientErrors, say_what_is_wrong_and_where_but_not_the_query) {
  CurlOptions options;
  options.connect_timeout = std::chrono::seconds(2);
  CurlClient client(options);
  const auto refused = client.send({HttpRequest::Method::get, "http://127.0.0.1:1/x?token=hushhush", {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "unreachable");
  EXPECT_EQ(refused.error().write_state, WriteState::not_applied);
  EXPECT_NE(refused.error().what.find("http://127.0.0.1:1"), std::string::npos);
  EXPECT_EQ(refused.error().message().find("hushhush"), std::string::npos);
  const auto nowhere = client.send({HttpRequest::Method::get, "https://host.invalid/", {}, {}});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, "unresolved");
  for (const char* url : {"http://example.com/", "http://10.0.0.1:80/", "http://localhost.example.com/", "http://127.evil.example/"}) {
    const auto clear = client.send({HttpRequest::Method::get, url, {}, {}});
    ASSERT_FALSE(clear);
    EXPECT_EQ(clear.error().code, "insecure_url") << url;
  }
  const auto broken = client.send({HttpRequest::Method::get, "https://", {}, {}});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, "bad_url");
  const auto split = client.send({HttpRequest::Method::get, "http://127.0.0.1:1/", {{"Authorization", "Bearer x\r\nX-Evil: 1"}}, {}});
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().code, "bad_header");
}

TEST(UrlEncode, keeps_what_is_unreserved) {
  EXPECT_EQ(url_encode("Az09-._~"), "Az09-._~");
  EXPECT_EQ(url_encode("\"my Table\"/ü%"), "%22my%20Table%22%2F%C3%BC%25");
}

}  // namespace
}  // namespace luge
