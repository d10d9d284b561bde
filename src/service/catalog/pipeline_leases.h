#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace luge {

/// The right to run one pipeline, for as long as it is renewed. The fence grows with every new owner.
struct PipelineLease {
  std::string pipeline;
  std::string owner;
  std::int64_t fence = 0;
};

/// Who runs what, as the store knows it.
struct LeaseView {
  struct Entry {
    PipelineLease lease;   ///< without an owner: it was given back
    bool expired = false;  ///< anybody may take it
  };
  std::vector<Entry> leases;           ///< of every pipeline that ever had one, by name
  std::vector<std::string> instances;  ///< processes that can take pipelines and renewed lately, by name
};

/// Several `luge serve` on one catalog share its pipelines by leases. The clock is the store's, so that the processes' clocks need not agree.
/// An owner is one process, by a name of its own. A lease says who should run a pipeline; that an old owner can do no harm is the state
/// store's fence's business, and the slot's. Thread-safe; everything blocks.
class PipelineLeases {
 public:
  virtual ~PipelineLeases() = default;
  /// Extends what `owner` holds by `time_to_live` from now, even what has expired if nobody took it. `available`: it can take pipelines, so it
  /// is an instance for that time; otherwise (it begins or ends) it is none from now on.
  virtual Result<LeaseView> renew(const std::string& owner, Duration time_to_live, bool available) = 0;
  /// Takes a pipeline that nobody holds, or whose owner did not renew in time. nullopt: another one holds it.
  virtual Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) = 0;
  /// Gives it back; nothing happens when it belongs to a later owner.
  virtual Status release(const PipelineLease& lease) = 0;
  /// Gives everything back, and is no instance any more.
  virtual Status leave(const std::string& owner) = 0;
};

}  // namespace luge
