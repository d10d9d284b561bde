#include "app/demo/child.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace luge {

namespace {

constexpr int kCannotStart = 127;

/// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(const Child::Command& command, char* const* words, const passwd* user, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);  // luge ignores it, and would leave that to its children
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(kCannotStart);
  ::prctl(PR_SET_PDEATHSIG, command.end_signal);  // after the change of user, which clears it
  if (::getppid() != parent) ::_exit(kCannotStart);
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) ::_exit(kCannotStart);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv(words[0], words);
  ::_exit(kCannotStart);
}

}  // namespace

Result<Child> Child::start(const Command& command) {
  const passwd* user = command.user.empty() ? nullptr : ::getpwnam(command.user.c_str());
  if (!command.user.empty() && user == nullptr) return fatal("demo", "there is no user " + command.user);
  const int output = ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) return fatal("demo", "cannot write " + command.output + ": " + std::strerror(errno));
  std::vector<char*> words;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(command, words.data(), user, output, parent);
  ::close(output);
  if (pid < 0) return fatal("demo", std::string("cannot start a process: ") + std::strerror(errno));
  return Child(pid, command.end_signal);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), end_signal_(other.end_signal_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(end_signal_, other.end_signal_);
  return *this;
}

Child::~Child() { end(); }

void Child::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> Child::wait(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (pid_ > 0) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return status;
    }
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::nullopt;
}

void Child::end() {
  if (pid_ <= 0) return;
  send(end_signal_);
  if (wait(std::chrono::seconds(10))) return;
  send(SIGKILL);
  wait(std::chrono::seconds(5));
}

}  // namespace luge
