#include "app/line_channel.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace luge {

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Result<std::string> LineReader::next() {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    searched = buffer_.size();
    if (buffer_.size() > longest_line_) return fatal("control", "a line on the control socket is too long");
    std::array<char, 65536> chunk;
    const ssize_t received = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return fatal("control", "no answer on the control socket in time", "is luge stopped or busy?");
    if (received <= 0) return fatal("control", "luge ended before it had answered", "look at its log");
    buffer_.append(chunk.data(), static_cast<std::size_t>(received));
  }
}

}  // namespace luge
