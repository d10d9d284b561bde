#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "app/control_message.h"
#include "base/result.h"

namespace luge {

/// One answer under way. Used on the handler's thread.
class ControlReply {
 public:
  ControlReply(int socket, std::stop_token stop) : socket_(socket), stop_(std::move(stop)) {}
  /// Sends one JSON value; false: the client has gone, and the handler should stop.
  bool line(std::string_view json) const;
  /// Requested when the client has gone, or when the server wants to end: a handler that takes long should look at it. What is
  /// registered with it is called on the thread that accepts clients, and must not block.
  const std::stop_token& stop() const { return stop_; }

 private:
  int socket_;
  std::stop_token stop_;
};

/// Answers one request: lines first, then the document it returns. Called on a thread per client; may block.
using ControlHandler = std::function<Result<std::string>(const ControlRequest& request, const ControlReply& reply)>;

/// Listens on a unix socket of mode 0600 and answers clients of the same user (or root), up to eight at a time.
class ControlServer {
 public:
  /// Call with the instance lock held: a socket file that is there is stale and is replaced.
  static Result<std::unique_ptr<ControlServer>> listen(const std::string& path, ControlHandler handler);
  /// Stops listening, removes the file, asks handlers that are still answering to stop, and waits for them. A client that does not
  /// read its answer is left without the rest of it after two seconds.
  ~ControlServer();

 private:
  class Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The other end.
class ControlClient {
 public:
  /// nullopt: nobody listens there (no file, or a stale one).
  static Result<std::optional<ControlClient>> connect(const std::string& path);

  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&& other) noexcept;
  ~ControlClient();

  /// Sends the request, hands each line to `on_line` (false stops), returns the final document. One call per connection.
  Result<std::string> call(const ControlRequest& request, const std::function<bool(const std::string& json)>& on_line = {});

 private:
  explicit ControlClient(int socket) : socket_(socket) {}
  int socket_ = -1;
};

}  // namespace luge
