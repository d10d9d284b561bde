#pragma once
#include <string>
#include <thread>

namespace luge {

/// Stands between a client and a PostgreSQL socket like a pooler with ignore_startup_parameters=options: the startup packet loses its
/// `options`, everything after it passes unchanged. Serves one connection on 127.0.0.1, plain TCP.
class ForgetfulPooler {
 public:
  explicit ForgetfulPooler(std::string server_socket);
  ~ForgetfulPooler();
  ForgetfulPooler(const ForgetfulPooler&) = delete;
  ForgetfulPooler& operator=(const ForgetfulPooler&) = delete;
  int port() const { return port_; }

 private:
  void serve() const;
  std::string server_socket_;
  int listener_ = -1;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace luge
