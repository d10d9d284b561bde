#pragma once
#include <memory>
#include <optional>

#include "app/config_file.h"
#include "app/instance_lock.h"
#include "app/options.h"
#include "app/pipeline_host.h"
#include "app/pipeline_places.h"
#include "app/preflight.h"
#include "app/table_selection.h"
#include "base/result.h"
#include "postgres/connection_options.h"

namespace luge {

/// A pipeline that was examined and may be opened.
struct PipelineOpening {
  PipelinePlaces places;
  TableSelection selection;
  ConnectionOptions source;
  std::optional<InstanceLock> lock;  ///< of an earlier run's directory; on a first start there is none to lock yet
  Preflight preflight;
  std::shared_ptr<SchemaCache> schema_cache;  ///< of the source; null: of this pipeline alone
};

/// Everything that is checked before luge creates anything. Where a check refuses, `refusal` makes the error of it; "running": somebody works there
/// already.
Result<PipelineOpening> prepare_pipeline(const Options& options, const Environment& environment, Error (*refusal)(const Preflight&));

/// Creates what is missing and notes that a run begins.
Result<std::unique_ptr<PipelineHost>> open_pipeline(const Options& options, PipelineOpening opening);

}  // namespace luge
