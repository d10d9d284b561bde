#include "app/instance_lock.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace luge {

Result<InstanceLock> InstanceLock::acquire(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return fatal("directory", "cannot create " + path + ": " + std::strerror(errno), "check the owner and the mode of the directory");
  InstanceLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> pid{};
    const ssize_t length = ::pread(file, pid.data(), pid.size() - 1, 0);
    const std::string holder = length > 0 ? "process " + std::string(pid.data(), static_cast<std::size_t>(length)) : "another process";
    return fatal("running", "luge is at work there already (" + holder + " holds " + path + ")", "ask it with `luge status`, or end it");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) {
    return fatal("directory", "cannot write " + path + ": " + std::strerror(errno));
  }
  return lock;
}

Result<InstanceLock> InstanceLock::acquire_patiently(const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    auto lock = acquire(path);
    if (lock || lock.error().code != "running" || std::chrono::steady_clock::now() > deadline) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

InstanceLock& InstanceLock::operator=(InstanceLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

InstanceLock::~InstanceLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace luge
