#include "app/terminal_screen.h"

#include <atomic>
#include <cstdio>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace luge {

namespace {

std::atomic<bool> end_wanted{false};

void on_screen_signal(int /*number*/) { end_wanted = true; }

std::size_t rows_of_terminal() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
}

}  // namespace

TerminalScreen::TerminalScreen() : terminal_(::isatty(STDOUT_FILENO) == 1) {
  struct sigaction action {};
  action.sa_handler = on_screen_signal;  // no SA_RESTART: poll() is to return
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  termios keys{};
  if (!terminal_ || ::tcgetattr(STDIN_FILENO, &keys) != 0) return;
  before_ = keys;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

TerminalScreen::~TerminalScreen() {
  if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

void TerminalScreen::show(std::string_view text) const {
  if (!terminal_) {
    std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
    std::fflush(stdout);
    return;
  }
  std::string out = "\033[H";
  std::size_t left = rows_of_terminal() - 1;
  while (!text.empty() && left-- > 0) {
    const std::size_t end = text.find('\n');
    out += std::string(text.substr(0, end)) + "\033[K\n";
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  out += "\033[J";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

bool TerminalScreen::wait(std::chrono::milliseconds time) const {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!end_wanted) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    pollfd keys{before_ ? STDIN_FILENO : -1, POLLIN, 0};
    if (::poll(&keys, 1, static_cast<int>(left.count())) <= 0) continue;
    char key = 'q';
    if (::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q') return false;
  }
  return false;
}

}  // namespace luge
