#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pipeline/relief.h"
#include "service/wal/wal_monitor.h"

namespace luge {

/// What the pipelines of a source do at its present level. No reading yet: nothing.
Relief relief_at(const WalReport& report);

/// Puts in force what the levels of the sources call for, and ends it when they do no more. Single thread.
class SourceRelief {
 public:
  using Apply = std::function<void(const std::string& source, Relief relief)>;
  explicit SourceRelief(Apply apply) : apply_(std::move(apply)) {}

  /// All sources that are watched. Of one that is not any more, nothing is in force.
  void follow(const std::vector<WalReport>& reports);

 private:
  void change(const std::string& source, Relief from, Relief to, WalLevel level) const;

  const Apply apply_;
  std::map<std::string, Relief> in_force_;  ///< by source
};

}  // namespace luge
