#pragma once
#include <string>
#include <sys/types.h>
#include <vector>

namespace luge {

/// A Redis server of one's own for a test (of Debian's redis-tools): a temporary directory, 127.0.0.1 on a free port, appendonly yes and appendfsync
/// always unless told otherwise. It is ended by its own process id in the destructor, and by the kernel if the test dies first. Failures abort
/// the test with a message.
class TempRedis {
 public:
  /// `options`: more of its command line, after the defaults: "--appendfsync", "everysec".
  explicit TempRedis(std::vector<std::string> options = {});
  ~TempRedis();
  TempRedis(const TempRedis&) = delete;
  TempRedis& operator=(const TempRedis&) = delete;

  /// One for all tests of a process.
  static TempRedis& shared();

  int port() const { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  /// The directory of its append-only files.
  std::string data() const { return directory_ + "/appendonlydir"; }

  void kill();
  /// Again on the same port and the same files.
  void start();
  /// Runs one command without password; its answer is not looked at.
  void run(const std::vector<std::string>& words) const;

 private:
  std::string directory_;
  std::vector<std::string> options_;
  int port_ = 0;
  pid_t server_ = 0;
};

}  // namespace luge
