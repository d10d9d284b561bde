#include "support/temp_redis.h"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace luge {

namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "TempRedis: %s\n", why.c_str());
  std::abort();
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(probe, reinterpret_cast<sockaddr*>(&address), length) != 0) give_up("no free port");
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
  close(probe);
  return ntohs(address.sin_port);
}

/// Sends one command in Redis' protocol and returns the beginning of the answer; "" if nobody answers.
std::string ask(int port, const std::vector<std::string>& words) {
  const int socket_file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  std::string answer(256, '\0');
  if (connect(socket_file, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    answer.clear();
  } else {
    std::string command = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) command += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    const auto sent = send(socket_file, command.data(), command.size(), MSG_NOSIGNAL);
    const auto got = sent < 0 ? -1 : recv(socket_file, answer.data(), answer.size(), 0);
    answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  close(socket_file);
  return answer;
}

}  // namespace

TempRedis::TempRedis(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "luge_redis_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) give_up("cannot make " + pattern);
  directory_ = pattern;
  port_ = free_port();
  start();
}

TempRedis::~TempRedis() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TempRedis& TempRedis::shared() {
  static TempRedis server;
  return server;
}

void TempRedis::start() {
  std::vector<std::string> words = {"redis-server", "--bind",        "127.0.0.1", "--port",    std::to_string(port_),
                                    "--dir",        directory_,      "--save",    "",          "--appendonly",
                                    "yes",          "--appendfsync", "always",    "--logfile", directory_ + "/log"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  server_ = fork();
  if (server_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    setpgid(0, 0);
    execvp("redis-check-rdb", arguments.data());  // the same program by its other name: redis-tools has it without a service that starts by itself
    _exit(127);
  }
  for (int attempt = 0; attempt < 600; ++attempt) {
    const std::string answer = ask(port_, {"PING"});
    if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) return;
    if (waitpid(server_, nullptr, WNOHANG) == server_) give_up("the server ended; is redis-tools installed? run tools/setup");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  give_up("redis-server does not answer");
}

void TempRedis::kill() {
  if (server_ == 0) return;
  ::kill(server_, SIGKILL);
  waitpid(server_, nullptr, 0);
  server_ = 0;
}

void TempRedis::run(const std::vector<std::string>& words) const { ask(port_, words); }

}  // namespace luge
