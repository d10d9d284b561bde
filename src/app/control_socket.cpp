#include "app/control_socket.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "app/line_channel.h"
#include "app/unix_address.h"

namespace luge {

namespace {

constexpr std::size_t kMostClients = 8;
constexpr std::size_t kLongestRequest = 1U << 20;
constexpr std::size_t kLongestAnswer = 1U << 30;  // one row of a query
constexpr int kRequestTimeoutSeconds = 10;
constexpr auto kLastWords = std::chrono::seconds(2);  ///< for answers under way when the server ends

Error socket_error(const std::string& doing, const std::string& path, int number) {
  return fatal("control", doing + " " + path + ": " + std::strerror(number));
}

bool allowed_peer(int socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == ::geteuid() || peer.uid == 0);
}

}  // namespace

bool ControlReply::line(std::string_view json) const { return send_all(socket_, encode_line(json)); }

class ControlServer::Impl {
 public:
  Impl(std::string path, ControlHandler handler) : path_(std::move(path)), handler_(std::move(handler)) {}

  Status listen() {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    wake_ = ::eventfd(0, EFD_CLOEXEC);
    if (listener_ < 0 || wake_ < 0) return socket_error("cannot make the control socket", path_, errno);
    ::unlink(path_.c_str());
    ::fchmod(listener_, 0600);  // Linux gives the file the socket's own mode, so it is never open to others
    if (const int failure = bind_unix(listener_, path_); failure != 0) return socket_error("cannot listen on", path_, failure);
    if (::listen(listener_, 16) != 0) return socket_error("cannot listen on", path_, errno);
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_clients(stop); });
    return ok();
  }

  ~Impl() {
    if (accepting_.joinable()) {
      accepting_.request_stop();
      wake();
      accepting_.join();
      ::unlink(path_.c_str());
    }
    end_clients();
    clients_.clear();
    if (listener_ >= 0) ::close(listener_);
    if (wake_ >= 0) ::close(wake_);
  }

 private:
  /// The accepting thread alone opens and closes sockets, so that none it polls becomes another file meanwhile.
  struct Client {
    explicit Client(int accepted) : socket(accepted) {}
    ~Client() {
      if (thread.joinable()) thread.join();
      ::close(socket);
    }
    const int socket;
    bool gone = false;
    std::atomic<bool> finished{false};
    std::jthread thread;
  };

  void wake() const {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_, &one, sizeof(one)) == sizeof(one));
  }

  /// After the accepting thread: asks them to end, lets them say why, and then does not wait for whoever listens no more.
  void end_clients() {
    for (Client& client : clients_) {
      ::shutdown(client.socket, SHUT_RD);  // no request comes any more
      client.thread.request_stop();
    }
    const auto deadline = std::chrono::steady_clock::now() + kLastWords;
    const auto answering = [](const Client& client) { return !client.finished.load(); };
    while (std::ranges::any_of(clients_, answering) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (Client& client : clients_) {
      if (answering(client)) ::shutdown(client.socket, SHUT_RDWR);  // a send that waits ends
    }
  }

  void accept_clients(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> waits{pollfd{listener_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
      for (const Client& client : clients_) waits.push_back({client.gone ? -1 : client.socket, 0, 0});  // POLLHUP: it closed
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
      if (stop.stop_requested()) return;
      if (waits[1].revents != 0) {
        std::uint64_t count = 0;
        static_cast<void>(::read(wake_, &count, sizeof(count)) == sizeof(count));
      }
      auto wait = waits.begin() + 2;
      for (Client& client : clients_) {
        if ((wait++)->revents == 0) continue;
        client.gone = true;
        client.thread.request_stop();
      }
      clients_.remove_if([](const Client& client) { return client.finished.load(); });
      if ((waits[0].revents & POLLIN) != 0) accept_client();
    }
  }

  void accept_client() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    if (!allowed_peer(socket) || clients_.size() >= kMostClients) {
      send_all(socket, encode_error(fatal("control", "luge answers other clients already", "try again in a moment")));
      ::close(socket);
      return;
    }
    Client& client = clients_.emplace_back(socket);
    client.thread = std::jthread([this, &client](const std::stop_token& stop) {
      answer(client.socket, stop);
      client.finished = true;
      wake();
    });
  }

  void answer(int socket, const std::stop_token& stop) const {
    const timeval limit{kRequestTimeoutSeconds, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const timeval send_limit{60, 0};  // a client that does not read holds one thread, for a minute at most
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit));
    LineReader reader(socket, kLongestRequest);
    const auto line = reader.next();
    if (!line) return;
    const auto request = decode_request(*line);
    const auto document = request ? handler_(*request, ControlReply(socket, stop)) : Result<std::string>(request.error());
    send_all(socket, document ? encode_done(*document) : encode_error(document.error()));
  }

  const std::string path_;
  const ControlHandler handler_;
  int listener_ = -1;
  int wake_ = -1;
  std::list<Client> clients_;  ///< touched by the accepting thread, and after it ended
  std::jthread accepting_;
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::listen(const std::string& path, ControlHandler handler) {
  auto impl = std::make_unique<Impl>(path, std::move(handler));
  CHECK_OK(impl->listen());
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

Result<std::optional<ControlClient>> ControlClient::connect(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket_error("cannot reach", path, errno);
  ControlClient client(socket);
  const int failure = connect_unix(socket, path);
  if (failure == ENOENT || failure == ENOTDIR || failure == ECONNREFUSED) return std::optional<ControlClient>();
  if (failure != 0) return socket_error("cannot reach the running luge at", path, failure);
  return std::optional<ControlClient>(std::move(client));
}

ControlClient::ControlClient(ControlClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}
ControlClient::~ControlClient() {
  if (socket_ >= 0) ::close(socket_);
}

Result<std::string> ControlClient::call(const ControlRequest& request, const std::function<bool(const std::string& json)>& on_line) {
  if (!send_all(socket_, encode_request(request))) return fatal("control", "luge closed the control socket", "try again");
  LineReader reader(socket_, kLongestAnswer);
  while (true) {
    TRY(const std::string line, reader.next());
    TRY(ControlAnswer answer, decode_answer(line));
    if (answer.kind == ControlAnswer::Kind::done) return std::move(answer.json);
    if (on_line && !on_line(answer.json)) return fatal("control", "the answer was not read to its end");
  }
}

}  // namespace luge
