#pragma once
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <sys/types.h>

namespace luge {

/// The connection of one request, with limits as a whole: a client that sends a byte now and then holds nobody for long, and one that never
/// stops sending fills no memory.
class ClientSocket {
 public:
  struct Limits {
    std::size_t bytes = 128U << 10U;                ///< of the request
    std::chrono::milliseconds request{10'000};      ///< from the connection to its last byte
    std::chrono::milliseconds answer{60'000};       ///< from its first byte to its last
  };

  /// Owns the descriptor. Once `stop` is requested nothing more is waited for.
  ClientSocket(int descriptor, Limits limits, std::stop_token stop);
  /// What the client still sends is taken for a moment: closing at once would throw away the answer on its way.
  ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  /// 0: the client has ended; -1: an error, or a limit is reached.
  ssize_t read(char* data, std::size_t size);
  ssize_t write(const char* data, std::size_t size);
  bool wait_readable() const;
  bool wait_writable();

 private:
  using Clock = std::chrono::steady_clock;

  bool wait(short events, Clock::time_point deadline) const;

  const int descriptor_;
  const Limits limits_;
  const std::stop_token stop_;
  const Clock::time_point request_deadline_;
  Clock::time_point answer_deadline_{};
  std::size_t taken_ = 0;
};

}  // namespace luge
