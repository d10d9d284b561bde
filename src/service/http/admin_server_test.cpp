#include "service/http/admin_server.h"

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/log.h"
#include "base/log_component.h"
#include "base/log_level.h"
#include "service/admin_view_test_support.h"

namespace luge {
namespace {

using nlohmann::json;

constexpr const char* kToken = "0123456789abcdef0123";

class AdminServerTest : public testing::Test {
 protected:
  void start(RequestGuard::Options guard = {kToken, false, {}}) {
    AdminServerOptions options;
    options.port = 0;
    options.guard = std::move(guard);
    options.version = "0.1.0";
    options.limits.request = std::chrono::seconds(2);
    auto started = AdminServer::start(options, view_);
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
    client_ = std::make_unique<httplib::Client>("127.0.0.1", server_->port());
  }
  void SetUp() override {
    view_.shown = {sample_pipeline("a", 250), sample_pipeline("b", 1)};
    start();
  }
  json get(const std::string& path, int status = 200) {
    const auto response = client_->Get(path);
    EXPECT_TRUE(response) << path;
    if (!response) return {};
    EXPECT_EQ(response->status, status) << path << response->body;
    return json::parse(response->body, nullptr, false);
  }
  httplib::Result post(const std::string& path, const std::string& body = "{}", const std::string& token = kToken) {
    return client_->Post(path, {{"Authorization", "Bearer " + token}}, body, "application/json");
  }
  /// The answer to these bytes, until the server closes.
  std::string raw(const std::string& request) const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    std::string answer;
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
      std::array<char, 4096> part{};
      for (ssize_t n = 0; (n = ::recv(socket, part.data(), part.size(), 0)) > 0;) answer.append(part.data(), static_cast<std::size_t>(n));
    }
    ::close(socket);
    return answer;
  }

  FakeAdminView view_;
  std::unique_ptr<AdminServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

TEST_F(AdminServerTest, AnswersHealthReadinessAndMetrics) {
  EXPECT_EQ(get("/health").at("status"), "ok");
  EXPECT_EQ(get("/ready").at("status"), "ready");
  view_.change([&] { view_.readiness = make_error(Recovery::retry, "catalog", "the catalog cannot be reached", "is its server up?"); });
  EXPECT_EQ(get("/ready", 503).at("what"), "the catalog cannot be reached");
  const auto metrics = client_->Get("/metrics", {{"Accept-Encoding", "gzip, br"}});
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(metrics->body.find("pipeline_active{pipeline=\"a\"} 1"), std::string::npos);
  EXPECT_FALSE(metrics->has_header("Content-Encoding"));
}

TEST_F(AdminServerTest, ListsPipelinesAndPagesOfTables) {
  const json list = get("/api/v1/pipelines");
  EXPECT_EQ(list.at("total"), 2);
  EXPECT_EQ(list.at("pipelines").at(0).at("pipeline"), "a");
  EXPECT_EQ(list.at("pipelines").at(0).at("table_counts").at("live"), 250);
  EXPECT_EQ(get("/api/v1/pipelines?offset=1&limit=1").at("pipelines").size(), 1U);
  EXPECT_EQ(get("/api/v1/pipelines?offset=9").at("pipelines").size(), 0U);
  EXPECT_EQ(get("/api/v1/pipelines/b").at("lag").at("bytes"), 0x1000);
  const json page = get("/api/v1/pipelines/a/tables?offset=200&limit=100");
  EXPECT_EQ(page.at("total"), 250);
  EXPECT_EQ(page.at("tables").size(), 50U);
  EXPECT_EQ(page.at("tables").at(0).at("name"), "table_00200");
  EXPECT_EQ(get("/api/v1/pipelines/a/tables?state=quarantined").at("total"), 0);
  EXPECT_EQ(get("/api/v1/pipelines/a/tables?search=TABLE_0001").at("total"), 10);
  EXPECT_TRUE(get("/api/v1/pipelines/a/history").at("points").is_array());
  EXPECT_TRUE(get("/api/v1/sources").at("sources").is_array());
  EXPECT_TRUE(get("/api/v1/alerts").at("firing").is_array());
  EXPECT_EQ(get("/api/v1/openapi.json").at("openapi"), "3.0.3");
}

TEST_F(AdminServerTest, RefusesWhatMakesNoSense) {
  for (const char* query : {"limit=1001", "limit=-1", "limit=x", "offset=99999999999999999999", "state=odd"}) {
    EXPECT_EQ(get(std::string("/api/v1/pipelines/a/tables?") + query, 400).at("code"), "usage") << query;
  }
  for (const char* path : {"/api/v1/", "/api/v1/none", "/api/v1/pipelines/", "/api/v1/pipelines/a/", "/api/v1/pipelines/a/none",
                           "/api/v1/pipelines/none", "/api/v1/pipelines/none/tables", "/api/v1/pipelines/a/tables/x"}) {
    EXPECT_TRUE(get(path, 404).contains("code")) << path;
  }
  EXPECT_EQ(get("/api/v1/pipelines/a/pause", 405).at("code"), "method");
  EXPECT_EQ(post("/api/v1/pipelines")->status, 405);
  EXPECT_EQ(post("/")->status, 405);
  EXPECT_EQ(post("/api/v1/pipelines/a/resync", "[")->status, 400);
  EXPECT_EQ(post("/api/v1/pipelines/a/resync", R"({"table": 7})")->status, 400);
  EXPECT_EQ(post("/api/v1/pipelines/a/resync", R"({"table": "x", "more": 1})")->status, 400);
  EXPECT_EQ(post("/api/v1/pipelines/none/pause")->status, 404);
  EXPECT_TRUE(view_.asked().empty());
}

TEST_F(AdminServerTest, ActsForWhoHasTheToken) {
  EXPECT_EQ(post("/api/v1/pipelines/a/pause", "{}", "another")->status, 401);
  EXPECT_EQ(client_->Post("/api/v1/pipelines/a/pause")->status, 401);
  EXPECT_TRUE(view_.asked().empty());
  const auto paused = post("/api/v1/pipelines/a/pause");
  ASSERT_TRUE(paused);
  EXPECT_EQ(paused->status, 200) << paused->body;
  EXPECT_EQ(get("/api/v1/pipelines/a").at("paused"), true);
  EXPECT_EQ(post("/api/v1/pipelines/a/resume")->status, 200);
  const auto resync = post("/api/v1/pipelines/a/resync", R"({"table": "public.orders"})");
  EXPECT_EQ(json::parse(resync->body).at("resync").at(0), "public.orders");
  EXPECT_EQ(view_.asked(), (std::vector<std::string>{"pause a", "resume a", "resync a public.orders"}));
  view_.change([&] { view_.outcome = make_error(Recovery::retry, "not_running", "the pipeline takes no commands now"); });
  EXPECT_EQ(post("/api/v1/pipelines/a/pause")->status, 409);
  view_.change([&] { view_.outcome = make_error(Recovery::stop_pipeline, "unknown_table", "luge follows no such table"); });
  EXPECT_EQ(post("/api/v1/pipelines/a/resync", R"({"table": "none"})")->status, 404);
}

TEST_F(AdminServerTest, WhatCannotBeStartedIsAConflict) {
  Error taken = make_error(Recovery::stop_pipeline, "destination_taken", "the pipeline b writes there already");
  taken.exit_code = ExitCode::usage;
  view_.change([&] { view_.outcome = taken; });
  const auto refused = post("/api/v1/pipelines/a/resume");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 409);
  EXPECT_EQ(json::parse(refused->body).at("what"), taken.what);
}

TEST_F(AdminServerTest, AnotherProcesssPipelineIsTheOtherOnesToAsk) {
  view_.change([&] { view_.shown[1].elsewhere = PipelineReport::Elsewhere{"other/7/abc", 10, 0.5, 3, 1}; });
  const json told = get("/api/v1/pipelines/b");
  EXPECT_EQ(told.at("elsewhere"), "other/7/abc");
  EXPECT_EQ(told.at("lag").at("bytes"), 10);
  EXPECT_TRUE(told.at("totals").at("rows").is_null()) << told;
  EXPECT_EQ(get("/api/v1/pipelines/b/tables", 409).at("hint"), "ask other/7/abc");
}

TEST_F(AdminServerTest, ARequestWithoutALengthHasNoBody) {
  const auto start = std::chrono::steady_clock::now();
  const std::string answer =
      raw("POST /api/v1/pipelines/a/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(kToken) + "\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1900));
}

TEST_F(AdminServerTest, HeadIsGetWithoutTheBody) {
  const auto head = client_->Head("/metrics");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
}

TEST_F(AdminServerTest, NoGetChangesAnything) {
  for (const char* path : {"/api/v1/pipelines/a/pause", "/api/v1/pipelines/a/resume", "/api/v1/pipelines/a/resync"}) {
    EXPECT_EQ(client_->Get(path, {{"Authorization", std::string("Bearer ") + kToken}})->status, 405);
  }
  EXPECT_TRUE(view_.asked().empty());
}

TEST_F(AdminServerTest, ChangesTheLogLevel) {
  const httplib::Headers token{{"Authorization", std::string("Bearer ") + kToken}};
  EXPECT_EQ(client_->Put("/api/v1/log-level", token, R"({"level":"loud"})", "application/json")->status, 400);
  EXPECT_EQ(client_->Put("/api/v1/log-level", token, R"({"level":"error"})", "application/json")->status, 200);
  EXPECT_EQ(log_level(), LogLevel::error);
  EXPECT_EQ(get("/api/v1/log-level").at("level"), "error");
  set_log_level(LogLevel::info);
}

TEST_F(AdminServerTest, ChangesTheLogLevelOfAComponent) {
  const httplib::Headers token{{"Authorization", std::string("Bearer ") + kToken}};
  const auto put = [&](const char* body) { return client_->Put("/api/v1/log-level", token, body, "application/json")->status; };
  EXPECT_EQ(put(R"({"level":"debug","component":"wall"})"), 400);
  EXPECT_EQ(put(R"({"level":"debug","component":"pipeline/nobody"})"), 400);
  EXPECT_EQ(put(R"({"level":"loud","component":"wal"})"), 400);
  EXPECT_EQ(put(R"({"level":"debug","component":7})"), 400);
  EXPECT_EQ(put(R"({"level":"debug","componend":"wal"})"), 400);
  EXPECT_EQ(put(R"({"level":"default"})"), 400) << "the level of all has no default";
  EXPECT_EQ(put(R"({"level":"debug","component":"wal"})"), 200);
  EXPECT_EQ(put(R"({"level":"warn","component":"pipeline/a"})"), 200);
  const auto now = get("/api/v1/log-level");
  EXPECT_EQ(now.at("level"), "info");
  EXPECT_EQ(now.at("components").dump(), R"({"pipeline/a":"warn","wal":"debug"})");
  EXPECT_EQ(put(R"({"level":"default","component":"wal"})"), 200);
  EXPECT_EQ(put(R"({"level":"default","component":"pipeline/a"})"), 200);
  EXPECT_TRUE(component_log_levels().empty());
}

TEST_F(AdminServerTest, IsNoDoorForOtherSites) {
  EXPECT_EQ(client_->Get("/api/v1/pipelines", {{"Host", "evil.example"}})->status, 421);
  EXPECT_EQ(client_->Get("/", {{"Host", "evil.example:9000"}})->status, 421);
  const httplib::Headers foreign{{"Authorization", std::string("Bearer ") + kToken}, {"Origin", "http://evil.example"}};
  EXPECT_EQ(client_->Post("/api/v1/pipelines/a/pause", foreign, "{}", "application/json")->status, 403);
  const httplib::Headers token{{"Authorization", std::string("Bearer ") + kToken}};
  EXPECT_EQ(client_->Post("/api/v1/pipelines/a/pause", token, "{}", "text/plain")->status, 415) << "what a form can send";
  EXPECT_TRUE(view_.asked().empty());
  const auto page = client_->Get("/");
  EXPECT_NE(page->get_header_value("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page->get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(page->has_header("Access-Control-Allow-Origin"));
  EXPECT_EQ(client_->Options("/api/v1/pipelines")->status, 405);
}

TEST_F(AdminServerTest, ABodyCannotHideASecondRequest) {
  const std::string hidden = "GET /api/v1/pipelines HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string answer = raw("POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 421")) << answer;
  EXPECT_EQ(answer.find("\"pipelines\""), std::string::npos) << answer;
  const std::string two = raw("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(two.find("HTTP/1.1", 10), std::string::npos) << "one request for each connection";
}

TEST_F(AdminServerTest, LimitsSizes) {
  EXPECT_EQ(post("/api/v1/pipelines/a/resync", std::string(70'000, 'x'))->status, 413);
  EXPECT_EQ(get("/" + std::string(2000, 'a'), 414).at("code"), "path");
  EXPECT_EQ(client_->Get("/metrics", {{"Range", "bytes=0-,0-,0-"}})->status, 416);
  EXPECT_EQ(client_->Get("/" + std::string(9000, 'a'))->status, 414);
  const std::string chunked = raw("POST /api/v1/pipelines/a/resync HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n" +
                                  std::string(0x20000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.find(" 200 "), std::string::npos);
  EXPECT_TRUE(view_.asked().empty());
  EXPECT_TRUE(raw("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_EQ(get("/health").at("status"), "ok") << "and goes on";
}

TEST_F(AdminServerTest, SilentClientsDoNotHoldIt) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(raw("GET /health HTTP/1.1\r\nHost: local").find("200"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(AdminServerTest, ItsEndWaitsForNoSilentClient) {
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  ASSERT_EQ(::connect(silent, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  ::close(silent);
}

TEST_F(AdminServerTest, ReadingCanNeedTheTokenToo) {
  server_.reset();
  start({kToken, true, {}});
  EXPECT_EQ(client_->Get("/metrics")->status, 401);
  EXPECT_EQ(client_->Get("/")->status, 401);
  EXPECT_EQ(client_->Get("/health")->status, 200);
  EXPECT_EQ(client_->Get("/metrics", {{"Authorization", std::string("Bearer ") + kToken}})->status, 200);
}

TEST_F(AdminServerTest, APortIsTakenOnce) {
  AdminServerOptions options;
  options.port = server_->port();
  const auto second = AdminServer::start(options, view_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "listen");
}

TEST_F(AdminServerTest, AScrapeOfTenThousandTablesIsQuick) {
  view_.change([&] { view_.shown = {sample_pipeline("big", 10'000)}; });
  const auto start = std::chrono::steady_clock::now();
  const auto metrics = client_->Get("/metrics");
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  ASSERT_TRUE(metrics);
  EXPECT_GT(metrics->body.size(), 1'000'000U);
#ifndef LUGE_SANITIZED
  EXPECT_LT(took.count(), 500) << "100 ms on an idle machine";
#endif
  RecordProperty("milliseconds", static_cast<int>(took.count()));
}

}  // namespace
}  // namespace luge
