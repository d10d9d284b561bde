#pragma once
#include <string>
#include <thread>

#include "base/clock.h"
#include "pipeline/driver.h"

namespace luge {

/// Keeps `--snapshot PATH`: a read-only copy of the mirror for other programs, written again when the mirror has moved. Each copy reads the
/// whole mirror, so the pause after one is ten times as long as it took, at least five seconds.
class SnapshotRefresher {
 public:
  /// An empty path: does nothing. The driver outlives the refresher.
  SnapshotRefresher(Driver& driver, std::string path);
  ~SnapshotRefresher() = default;  // the thread ends after the copy under way: close the destination first, which ends that one

 private:
  void run(const std::stop_token& stop);
  Driver& driver_;
  const std::string path_;
  std::jthread thread_;
};

}  // namespace luge
