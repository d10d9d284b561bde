#pragma once
#include <memory>
#include <optional>
#include <string>

#include "app/control_socket.h"
#include "app/instance_lock.h"
#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/state_registry.h"
#include "app/table_selection.h"
#include "base/result.h"
#include "destination/destination.h"
#include "pipeline/driver.h"
#include "postgres/connection_options.h"
#include "service/pipeline_report.h"
#include "service/status_document.h"
#include "source/schema_cache.h"

namespace luge {

/// A pipeline of this process with everything it owns: the lock, the state store, the destination, the driver, the control socket.
class PipelineHost {
 public:
  /// Creates what is missing of luge's own directory and state file, and takes the lock unless the caller has it; the destination
  /// is opened by the driver. No selection: what the destination follows, and nothing else. `schema_cache`: of the source; null: of its own.
  static Result<std::unique_ptr<PipelineHost>> open(const Options& options, const PipelinePlaces& places,
                                                    const std::optional<TableSelection>& selection, const ConnectionOptions& source,
                                                    std::optional<InstanceLock> lock = std::nullopt,
                                                    std::shared_ptr<SchemaCache> schema_cache = nullptr);
  ~PipelineHost();

  /// Runs until drained or stopped by an error, answers the control socket meanwhile, then closes the destination.
  Status run();

  Driver& driver() { return *driver_; }
  const PipelinePlaces& places() const { return places_; }
  const ConnectionOptions& source() const { return source_; }
  const Options& options() const { return options_; }
  /// nullopt: it follows what the destination follows.
  const std::optional<TableSelection>& selection() const { return selection_; }
  PipelineReport report() const;
  /// The same from Driver::last_status().
  PipelineReport last_report() const;
  StatusDocument status() const;

 private:
  PipelineHost(const Options& options, const PipelinePlaces& places, std::optional<TableSelection> selection, const ConnectionOptions& source,
               InstanceLock lock)
      : options_(options),
        places_(places),
        selection_(std::move(selection)),
        source_(source),
        source_text_(source.redacted()),
        lock_(std::move(lock)) {}

  PipelineReport report_of(DriverStatus status) const;

  const Options options_;
  const PipelinePlaces places_;
  const std::optional<TableSelection> selection_;
  const ConnectionOptions source_;
  const std::string source_text_;  ///< without the password
  InstanceLock lock_;
  OpenedState state_;
  std::unique_ptr<Destination> destination_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace luge
