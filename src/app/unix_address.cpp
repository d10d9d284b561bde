#include "app/unix_address.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace luge {

namespace {

template <class Call>
int with_address(const std::string& path, Call&& call) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string reachable = path;
  int directory = -1;
  if (path.size() >= sizeof(address.sun_path)) {
    const std::filesystem::path whole(path);
    directory = ::open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return errno;
    reachable = "/proc/self/fd/" + std::to_string(directory) + "/" + whole.filename().string();
  }
  int failure = ENAMETOOLONG;
  if (reachable.size() < sizeof(address.sun_path)) {
    std::memcpy(address.sun_path, reachable.c_str(), reachable.size() + 1);
    failure = call(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(sizeof(address))) == 0 ? 0 : errno;
  }
  if (directory >= 0) ::close(directory);
  return failure;
}

}  // namespace

int bind_unix(int socket, const std::string& path) {
  return with_address(path, [&](const sockaddr* address, socklen_t length) { return ::bind(socket, address, length); });
}

int connect_unix(int socket, const std::string& path) {
  return with_address(path, [&](const sockaddr* address, socklen_t length) { return ::connect(socket, address, length); });
}

}  // namespace luge
