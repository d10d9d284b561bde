#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.h"

namespace luge {

/// A process that ends when this object does, or when this process dies. In a process group of its own, so that Ctrl-C on the
/// terminal reaches only its parent. Start it from the main thread: the kernel ties it to the thread that forked. Move-only.
class Child {
 public:
  struct Command {
    std::vector<std::string> words;
    std::string output;      ///< file that takes stdout and stderr
    std::string directory;   ///< working directory; "" stays
    std::string user;        ///< run as; "" stays
    int end_signal = 15;     ///< sent when the object or the parent goes
  };
  static Result<Child> start(const Command& command);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  void send(int signal) const;
  /// The wait status, or nullopt when it still runs after `patience`.
  std::optional<int> wait(std::chrono::milliseconds patience);

 private:
  Child(pid_t pid, int end_signal) : pid_(pid), end_signal_(end_signal) {}
  void end();
  pid_t pid_ = -1;
  int end_signal_ = 15;
};

}  // namespace luge
