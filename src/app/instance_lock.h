#pragma once
#include <string>

#include "base/result.h"

namespace luge {

/// Only one luge works on a destination's files at a time: an advisory lock on a file, gone with the process however it ends.
/// Move-only.
class InstanceLock {
 public:
  /// Error "running" names the process that holds it. Creates the file (mode 0600); the directory must exist.
  static Result<InstanceLock> acquire(const std::string& path);
  /// Waits half a minute for a holder that is about to end, such as a verb that reads a mirror with a long log. A luge that runs is found by its
  /// control socket before.
  static Result<InstanceLock> acquire_patiently(const std::string& path);

  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) noexcept;
  ~InstanceLock();

 private:
  explicit InstanceLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace luge
