#pragma once
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace luge {

/// Whether this process has a lock on the file, as another one sees it.
inline bool is_locked_by_us(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    struct flock asked {};
    asked.l_type = F_WRLCK;
    asked.l_whence = SEEK_SET;
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    ::_exit(::fcntl(file, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace luge
