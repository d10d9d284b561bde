#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/config_file.h"
#include "app/pipeline_host.h"
#include "service/manager/pipeline_task.h"

namespace luge {

/// The pipelines that run in this process, by name: what the manager sees as tasks, API, metrics and alerts see whole. Thread-safe.
class RunningHosts {
 public:
  /// nullptr: it does not run here.
  std::shared_ptr<PipelineHost> find(const std::string& pipeline) const;
  void put(const std::string& pipeline, const std::shared_ptr<PipelineHost>& host);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<PipelineHost>> hosts_;
};

/// Makes tasks as `luge run` would make them: every check first. `hosts` outlives them.
TaskFactory make_task_factory(RunningHosts& hosts, Environment environment);

}  // namespace luge
