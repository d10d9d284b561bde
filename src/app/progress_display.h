#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "service/status_document.h"

namespace luge {

/// Shows how a run goes: on a terminal a few lines that are drawn again and again (bars of copies, then lag and rate), otherwise a
/// log line whenever a table changes its state and one every half minute.
class ProgressDisplay {
 public:
  /// `status` is called from the display's own thread.
  ProgressDisplay(std::function<StatusDocument()> status, bool terminal);
  /// Draws a last time.
  ~ProgressDisplay();

 private:
  void run(const std::stop_token& stop);
  void draw(const StatusDocument& document);
  void log(const StatusDocument& document);

  const std::function<StatusDocument()> status_;
  const bool terminal_;
  std::size_t lines_drawn_ = 0;
  std::uint64_t rows_before_ = 0;
  double rate_ = 0;
  int rounds_ = 0;
  std::map<RelationOid, std::string> states_;  ///< as logged last
  std::jthread thread_;
};

/// "███████▌      ": `share` of `width` characters.
std::string progress_bar(double share, std::size_t width);

/// The lines for a terminal.
std::vector<std::string> progress_lines(const StatusDocument& document, double rows_per_second);

}  // namespace luge
