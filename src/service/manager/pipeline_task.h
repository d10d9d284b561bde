#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/lsn.h"
#include "service/catalog/pipeline_spec.h"

namespace luge {

/// What a running pipeline says about itself.
struct TaskStatus {
  std::string state = "starting";  ///< of the driver
  Lsn server, received, durable, acknowledged;
  std::optional<std::uint64_t> lag_bytes;
  std::optional<double> lag_seconds;
  std::uint64_t tables = 0;
  std::uint64_t quarantined = 0;   ///< of them
  std::optional<Error> error;      ///< why it reconnects, or waits for an operator
};

/// One pipeline at work, as the manager sees it. run() is called once, on a thread of its own; everything else from other threads, while it
/// runs, before and after.
class PipelineTask {
 public:
  virtual ~PipelineTask() = default;
  /// Until drained (good), stopped or failed. Transient errors are retried inside.
  virtual Status run() = 0;
  /// Makes what is whole durable, acknowledges it; run() returns.
  virtual void request_drain() = 0;
  /// run() returns as soon as it can, without draining: always safe.
  virtual void request_stop() = 0;
  /// Ends a pause that was asked of the pipeline itself (luge pause): soon, without waiting for it. Nothing where there is none.
  virtual void request_resume() = 0;
  /// May take half a second when the pipeline is busy.
  virtual TaskStatus status() const = 0;
  /// `changed` is called whenever TaskStatus::state has become another one; it must not block. Before run().
  virtual void on_state_change(std::function<void()> changed) = 0;
};

/// Makes the task of a pipeline, its secrets resolved. Called on the task's own thread; may block.
using TaskFactory = std::function<Result<std::unique_ptr<PipelineTask>>(const PipelineSpec& spec)>;

}  // namespace luge
