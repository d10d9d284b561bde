#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/alert_report.h"
#include "service/pipeline_report.h"
#include "service/source_report.h"

namespace luge {

/// What the admin server shows and does: the manager's view of many pipelines, or that of a single `luge run`. Called from several
/// threads at once. What it reports may be some seconds old.
class AdminView {
 public:
  virtual ~AdminView() = default;

  /// Those of this process, by name.
  virtual std::vector<PipelineReport> pipelines() const = 0;
  /// With those of the other processes on the same catalog.
  virtual std::vector<PipelineReport> all_pipelines() const { return pipelines(); }
  virtual std::optional<PipelineReport> pipeline(std::string_view name) const = 0;
  virtual std::vector<SourceReport> sources() const { return {}; }
  virtual AlertReport alerts() const { return {}; }
  /// Whether this process can do its work: why not, for people.
  virtual Status ready() const { return ok(); }

  /// Paused until resumed, over restarts too. Errors: "unknown_pipeline", "not_running"; of a pipeline that cannot be started, with the exit code
  /// of usage: why.
  virtual Status pause(const std::string& pipeline) = 0;
  virtual Status resume(const std::string& pipeline) = 0;
  /// Copies the tables that `pattern` (public.orders, sales.*) means again. Returns their names. Errors: "unknown_pipeline",
  /// "unknown_table", "usage", "not_running".
  virtual Result<std::vector<std::string>> resync(const std::string& pipeline, const std::string& pattern) = 0;
};

}  // namespace luge
