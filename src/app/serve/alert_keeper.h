#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/instance_lock.h"
#include "base/result.h"
#include "service/alert/known_alerts.h"

namespace luge {

/// Keeps what fires over a restart, in a file of which one process at a time is the owner. Of one thread.
class AlertKeeper {
 public:
  /// `catalog` tells the files of several catalogs in one directory apart. Where another process is the owner already, or the file cannot be
  /// made, nothing is kept.
  AlertKeeper(const std::string& directory, const std::string& catalog);

  /// What the process before has kept.
  std::vector<KnownAlert> known() const;
  /// Writes it if it is not what is there. A failure is logged, once.
  void keep(const std::vector<KnownAlert>& alerts);

 private:
  std::string path_;
  std::optional<InstanceLock> lock_;
  std::string kept_;
  bool failing_ = false;
};

}  // namespace luge
