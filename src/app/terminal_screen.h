#pragma once
#include <chrono>
#include <optional>
#include <string_view>
#include <termios.h>

namespace luge {

/// A text on stdout that is replaced again and again. On a terminal it is drawn in place, as much of it as fits, and keys are read
/// without echo; elsewhere one text follows the other. One at a time: it takes SIGINT and SIGTERM as a wish to end.
class TerminalScreen {
 public:
  TerminalScreen();
  /// The terminal is as it was.
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

  void show(std::string_view text) const;
  /// False: somebody wants it to end (q, Ctrl-C, SIGTERM).
  bool wait(std::chrono::milliseconds time) const;

 private:
  const bool terminal_;
  std::optional<termios> before_;  ///< of stdin, if keys can be read
};

}  // namespace luge
