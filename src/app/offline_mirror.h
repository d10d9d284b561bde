#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "app/instance_lock.h"
#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/state_registry.h"
#include "base/result.h"
#include "destination/destination.h"

namespace luge {

/// A destination that no luge works on, opened by a verb for as long as it needs. Holds the instance lock meanwhile.
class OfflineMirror {
 public:
  /// Errors: "running" (somebody holds the lock), "no_mirror" (luge has not run there), those of Destination::open.
  static Result<std::unique_ptr<OfflineMirror>> open(const Options& options, const PipelinePlaces& places);
  ~OfflineMirror();

  const Frontier& frontier() const { return frontier_; }
  const std::optional<StateRecord>& state() const { return state_; }
  bool log_mode() const { return log_mode_; }
  Result<std::shared_ptr<ReadHandle>> read() { return destination_->read(); }
  /// Records that these tables are to be copied again, durably when it returns: the next run does it. Names of the frontier's tables.
  Status resync(const std::vector<TableName>& tables);

 private:
  explicit OfflineMirror(InstanceLock lock) : lock_(std::move(lock)) {}
  InstanceLock lock_;
  OpenedState opened_;
  std::unique_ptr<Destination> destination_;
  std::optional<StateRecord> state_;
  Frontier frontier_;
  bool log_mode_ = false;
};

}  // namespace luge
