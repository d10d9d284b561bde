#include "service/http/admin_server.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <httplib.h>
#include <mutex>
#include <optional>
#include <stop_token>
#include <sys/socket.h>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_component.h"
#include "service/console/console.h"
#include "service/history/pipeline_history.h"
#include "service/http/admin_api.h"
#include "service/http/http_answer.h"
#include "service/metrics/metrics_page.h"

namespace luge {

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::size_t kLongestBody = 64U << 10U;
constexpr std::size_t kLongestPath = 1024;
constexpr auto kStartTimeout = std::chrono::seconds(5);

/// No page of the console loads anything from elsewhere, and none is shown inside another one.
const httplib::Headers& common_headers() {
  static const httplib::Headers headers{
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
       "frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cache-Control", "no-store"},
  };
  return headers;
}

std::optional<std::string> header_of(const httplib::Request& request, const char* name) {
  return request.has_header(name) ? std::optional(request.get_header_value(name)) : std::nullopt;
}

/// httplib's own default shares the port with another process that asks for it too.
void reuse_address_only(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

void send(const HttpAnswer& answer, httplib::Response& response) {
  if (answer.status != 200) response.status = answer.status;  // else httplib chooses between 200 and 206
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  if (answer.body.empty()) return response.set_content("", answer.type);
  // Not set_content(): that would be compressed for a client that asks for it, with brotli at a quality that takes seconds for a page of
  // 10,000 tables.
  response.set_content_provider(
      answer.body.size(), answer.type,
      [body = answer.body](std::size_t offset, std::size_t length, httplib::DataSink& sink) { return sink.write(body.data() + offset, length); });
}

/// What httplib reads from and writes to.
class ClientStream final : public httplib::Stream {
 public:
  explicit ClientStream(ClientSocket& client) : client_(client) {}
  bool is_readable() const override { return client_.wait_readable(); }
  bool is_writable() const override { return client_.wait_writable(); }
  ssize_t read(char* data, std::size_t size) override { return client_.read(data, size); }
  ssize_t write(const char* data, std::size_t size) override { return client_.write(data, size); }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}  // nobody here asks
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return 0; }  // only asked whether select() could take it, and nobody selects here

 private:
  ClientSocket& client_;
};

/// httplib limits the time between two bytes and the length of a line; here a request as a whole has limits. And one connection is one
/// request: an idle browser holds no thread, and a refused request cannot bring another one in its body.
class BoundedServer final : public httplib::Server {
 public:
  explicit BoundedServer(ClientSocket::Limits limits) : limits_(limits) {}

  void end() {
    stop_.request_stop();
    stop();
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    ClientSocket client(socket, limits_, stop_.get_token());
    ClientStream stream(client);
    bool closed = false;
    return process_request(stream, true, closed, nullptr);
  }

  const ClientSocket::Limits limits_;
  std::stop_source stop_;
};

bool is_json(const std::string& type) { return type == "application/json" || type.starts_with("application/json;"); }

}  // namespace

class AdminServer::Impl {
 public:
  Impl(AdminServerOptions options, AdminView& view)
      : options_(std::move(options)),
        view_(view),
        guard_(options_.guard),
        api_(view, history_, clock_),
        console_(view, history_, clock_, options_.version),
        server_(options_.limits) {}

  Status listen() {
    server_.set_socket_options(reuse_address_only);
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_payload_max_length(kLongestBody);
    server_.set_default_headers(common_headers());
    route();
    const std::string place = options_.address + ":" + std::to_string(options_.port);
    if (options_.port == 0) {
      options_.port = server_.bind_to_any_port(options_.address);
    } else if (!server_.bind_to_port(options_.address, options_.port)) {
      options_.port = -1;
    }
    if (options_.port <= 0) return fatal("listen", "cannot listen on " + place, "is another program there? choose another address");
    listener_ = std::jthread([this] { server_.listen_after_bind(); });
    sampler_ = std::jthread([this](const std::stop_token& stop) { sample(stop); });
    const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
    while (!server_.is_running()) {
      if (std::chrono::steady_clock::now() > deadline) return fatal("listen", "the HTTP server on " + place + " does not start");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return ok();
  }

  ~Impl() { server_.end(); }

  const AdminServerOptions& options() const { return options_; }

 private:
  void route() {
    server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      // Routes are regular expressions, whose matching recurses; and ranges multiply a page.
      if (request.path.size() > kLongestPath) {
        send(error_answer(414, "path", "the path is too long"), response);
        return httplib::Server::HandlerResponse::Handled;
      }
      if (request.ranges.size() > 1) {
        send(error_answer(416, "range", "one range is enough"), response);
        return httplib::Server::HandlerResponse::Handled;
      }
      // A POST without a length has no body (RFC 9112); httplib would read one until the client is gone.
      if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) return httplib::Server::HandlerResponse::Unhandled;
      send(handle(request), response);
      return httplib::Server::HandlerResponse::Handled;
    });
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) { send(handle(request), response); };
    const char* everything = R"([\s\S]*)";
    server_.Get(everything, handler);
    server_.Post(everything, handler);
    server_.Put(everything, handler);
    server_.Patch(everything, handler);
    server_.Delete(everything, handler);
    server_.Options(everything, handler);
    server_.set_exception_handler([](const httplib::Request& request, httplib::Response& response, const std::exception_ptr&) {
      const LogComponent scope("http");
      log_event(LogLevel::error, "http_failed", "a request could not be answered", {{"path", request.path}});
      send(error_answer(500, "internal", "this request could not be answered", "the log of luge says more"), response);
    });
    // What httplib refuses by itself: malformed, too large, a method that is none.
    server_.set_error_handler(httplib::Server::HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
      if (response.has_header("Content-Type")) return httplib::Server::HandlerResponse::Unhandled;
      const HttpAnswer answer =
          error_answer(response.status, "http", response.status == 413 ? "the body is too large" : "this is no request luge answers");
      response.set_content(answer.body, answer.type);
      return httplib::Server::HandlerResponse::Handled;
    }));
  }

  HttpAnswer handle(const httplib::Request& request) {
    const LogComponent scope("http");
    const auto host = header_of(request, "Host");
    const auto origin = header_of(request, "Origin");
    const auto authorization = header_of(request, "Authorization");
    const auto fetch_site = header_of(request, "Sec-Fetch-Site");
    if (auto refusal = guard_.refusal({request.method, request.path, host, origin, authorization, fetch_site})) {
      HttpAnswer answer = error_answer(refusal->status, refusal->code, refusal->what, refusal->hint);
      if (refusal->status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"luge\"");
      return answer;
    }
    if (const auto type = header_of(request, "Content-Type"); request.method != "GET" && type && !is_json(*type)) {
      return error_answer(415, "content_type", "a body is application/json");
    }
    AdminRequest seen{request.method == "HEAD" ? "GET" : request.method, request.path, {}, request.body};
    for (const auto& [name, value] : request.params) seen.query.emplace(name, value);
    return answer(seen);
  }

  HttpAnswer answer(const AdminRequest& request) {
    if (request.path.starts_with("/api/v1/")) return api_.answer(request);
    if (request.method != "GET") {
      HttpAnswer refused = error_answer(405, "method", "this path answers GET");
      refused.headers.emplace_back("Allow", "GET");
      return refused;
    }
    if (request.path == "/health") return json_answer(200, "{\"status\":\"ok\"}");
    if (request.path == "/ready") {
      const Status ready = view_.ready();
      return ready ? json_answer(200, "{\"status\":\"ready\"}") : error_answer(503, ready.error().code, ready.error().what, ready.error().hint);
    }
    if (request.path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", metrics(), {}};
    return console_.answer(request);
  }

  std::string metrics() {
    const auto rate = [this](const std::string& name) { return history_.rows_per_second(name); };
    return metrics_page(view_.pipelines(), view_.sources(), view_.alerts(), rate, options_.version, clock_.wall_now());
  }

  void sample(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      history_.record(view_.pipelines(), clock_.now(), clock_.wall_now());
      stopped.wait_for(lock, stop, PipelineHistory::kInterval, [] { return false; });
    }
  }

  AdminServerOptions options_;
  AdminView& view_;
  SystemClock clock_;
  PipelineHistory history_;
  RequestGuard guard_;
  AdminApi api_;
  Console console_;
  BoundedServer server_;
  std::jthread sampler_;
  std::jthread listener_;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::start(AdminServerOptions options, AdminView& view) {
  auto impl = std::make_unique<Impl>(std::move(options), view);
  CHECK_OK(impl->listen());
  std::unique_ptr<AdminServer> server(new AdminServer(std::move(impl)));
  log_event(LogLevel::info, "http_listens", "console, API and metrics at " + server->url(), {{"url", server->url()}});
  return server;
}

int AdminServer::port() const { return impl_->options().port; }

std::string AdminServer::url() const {
  const AdminServerOptions& options = impl_->options();
  const bool ipv6 = options.address.find(':') != std::string::npos;
  return "http://" + (ipv6 ? "[" + options.address + "]" : options.address) + ":" + std::to_string(options.port);
}

}  // namespace luge
