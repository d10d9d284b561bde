#include "service/http/client_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace luge {

namespace {
constexpr std::chrono::milliseconds kStopPoll{100};
constexpr std::chrono::milliseconds kLastWords{500};
constexpr std::size_t kLastBytes = 1U << 20U;
}  // namespace

ClientSocket::ClientSocket(int descriptor, Limits limits, std::stop_token stop)
    : descriptor_(descriptor), limits_(limits), stop_(std::move(stop)), request_deadline_(Clock::now() + limits.request) {
  ::fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
}

ClientSocket::~ClientSocket() {
  ::shutdown(descriptor_, SHUT_WR);
  const auto deadline = Clock::now() + kLastWords;
  std::array<char, 4096> ignored{};
  for (std::size_t taken = 0; taken < kLastBytes && wait(POLLIN, deadline);) {
    const ssize_t n = ::recv(descriptor_, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (n <= 0) break;
    taken += static_cast<std::size_t>(n);
  }
  ::close(descriptor_);
}

bool ClientSocket::wait(short events, Clock::time_point deadline) const {
  while (!stop_.stop_requested()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd entry{descriptor_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kStopPoll).count()));
    if (ready > 0) return true;
    if ((ready < 0 && errno != EINTR) || left.count() <= 0) return false;
  }
  return false;
}

bool ClientSocket::wait_readable() const { return wait(POLLIN, request_deadline_); }

bool ClientSocket::wait_writable() {
  if (answer_deadline_ == Clock::time_point{}) answer_deadline_ = Clock::now() + limits_.answer;
  return wait(POLLOUT, answer_deadline_);
}

ssize_t ClientSocket::read(char* data, std::size_t size) {
  size = std::min(size, limits_.bytes - taken_);
  if (size == 0 || !wait_readable()) return -1;
  const ssize_t n = ::recv(descriptor_, data, size, MSG_DONTWAIT);
  if (n > 0) taken_ += static_cast<std::size_t>(n);
  return n;
}

ssize_t ClientSocket::write(const char* data, std::size_t size) {
  if (!wait_writable()) return -1;
  return ::send(descriptor_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace luge
