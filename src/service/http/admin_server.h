#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "service/admin_view.h"
#include "service/http/client_socket.h"
#include "service/http/request_guard.h"

namespace luge {

struct AdminServerOptions {
  std::string address = "127.0.0.1";
  int port = 9000;  ///< 0: any that is free
  RequestGuard::Options guard;
  ClientSocket::Limits limits;
  std::string version;
};

/// Serves /health, /ready, /metrics, /api/v1/… and the console at / from threads of its own, and samples the pipelines for the charts.
class AdminServer {
 public:
  /// Listens when it returns. `view` outlives the server. Errors: "listen".
  static Result<std::unique_ptr<AdminServer>> start(AdminServerOptions options, AdminView& view);
  /// Takes no more requests and waits for those under way.
  ~AdminServer();

  int port() const;
  /// "http://127.0.0.1:9000".
  std::string url() const;

 private:
  class Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
