#include "support/forgetful_pooler.h"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace luge {

namespace {

bool read_exactly(int fd, char* out, std::size_t count) {
  while (count > 0) {
    const ssize_t got = recv(fd, out, count, 0);
    if (got <= 0) return false;
    out += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

/// Length, protocol version, then name\0value\0 …, \0 (protocol-message-formats: StartupMessage).
std::string startup_without_options(int client) {
  std::uint32_t length = 0;
  if (!read_exactly(client, reinterpret_cast<char*>(&length), 4)) return {};
  std::string body(ntohl(length) - 4, '\0');
  if (!read_exactly(client, body.data(), body.size())) return {};
  std::string kept = body.substr(0, 4);
  for (std::size_t at = 4; at < body.size() && body[at] != '\0';) {
    const std::string name = body.c_str() + at;
    const std::string value = body.c_str() + at + name.size() + 1;
    at += name.size() + value.size() + 2;
    if (name != "options") kept.append(name).append(1, '\0').append(value).append(1, '\0');
  }
  kept.append(1, '\0');
  length = htonl(static_cast<std::uint32_t>(kept.size() + 4));
  return std::string(reinterpret_cast<const char*>(&length), 4) + kept;
}

bool relay(int from, int to) {
  std::array<char, 8192> buffer{};
  const ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
  return got > 0 && send(to, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

ForgetfulPooler::ForgetfulPooler(std::string server_socket) : server_socket_(std::move(server_socket)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 1) != 0) std::abort();
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

ForgetfulPooler::~ForgetfulPooler() {
  shutdown(listener_, SHUT_RDWR);  // ends accept
  thread_.join();
  close(listener_);
}

void ForgetfulPooler::serve() const {
  const int client = accept(listener_, nullptr, nullptr);
  if (client < 0) return;
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, server_socket_.c_str(), sizeof address.sun_path - 1);
  const std::string startup = startup_without_options(client);
  if (!startup.empty() && ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    send(server, startup.data(), startup.size(), MSG_NOSIGNAL);
    std::array<pollfd, 2> both = {pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    bool open = true;
    while (open && poll(both.data(), both.size(), 10'000) > 0) {
      if (both[0].revents != 0) open = relay(client, server);
      if (open && both[1].revents != 0) open = relay(server, client);
    }
  }
  close(server);
  close(client);
}

}  // namespace luge
