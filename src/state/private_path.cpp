#include "state/private_path.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace luge {

std::optional<PathTrouble> make_private_directories(const std::filesystem::path& directory) {
  std::error_code ignored;
  if (directory.empty() || std::filesystem::is_directory(directory, ignored)) return std::nullopt;
  if (auto trouble = make_private_directories(directory.parent_path())) return trouble;
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return PathTrouble{directory.string(), errno};
  return std::nullopt;
}

std::optional<PathTrouble> make_private_file(const std::string& path) {
  if (auto trouble = make_private_directories(std::filesystem::path(path).parent_path())) return trouble;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return std::nullopt;
  }
  if (errno == EEXIST && ::access(path.c_str(), R_OK | W_OK) == 0) return std::nullopt;
  return PathTrouble{path, errno};
}

std::optional<PathTrouble> write_new_private_file(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return PathTrouble{path, errno};
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  const bool whole = text.empty() && ::fsync(file) == 0;
  const int number = errno;
  ::close(file);
  if (whole) return std::nullopt;
  ::unlink(path.c_str());
  return PathTrouble{path, number};
}

}  // namespace luge
