#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/config_file.h"
#include "app/pipeline_host.h"
#include "pipeline/relief.h"
#include "service/manager/pipeline_task.h"
#include "source/schema_cache.h"

namespace luge {

/// The pipelines that run in this process, by name: what the manager sees as tasks, API, metrics and alerts see whole. Thread-safe.
class RunningHosts {
 public:
  /// nullptr: it does not run here.
  std::shared_ptr<PipelineHost> find(const std::string& pipeline) const;
  void put(const std::string& pipeline, const std::string& source, const std::shared_ptr<PipelineHost>& host);
  /// Of the pipelines of this source, those that begin later included; until it is told otherwise.
  void relieve(const std::string& source, Relief relief);
  /// The one cache of all pipelines of this source. Another conninfo is another database, or may see something else in it.
  std::shared_ptr<SchemaCache> schema_cache(const std::string& source, const std::string& conninfo);
  /// nullptr: no pipeline of this source has run here.
  std::shared_ptr<SchemaCache> find_schema_cache(const std::string& source) const;

 private:
  mutable std::mutex mutex_;
  struct HostOfPipeline {
    std::string source;
    std::weak_ptr<PipelineHost> host;
  };
  std::map<std::string, HostOfPipeline> hosts_;
  std::map<std::string, Relief> relief_;  ///< by source
  struct CacheOfSource {
    std::string conninfo;
    std::shared_ptr<SchemaCache> cache;
  };
  std::map<std::string, CacheOfSource> caches_;
};

/// Makes tasks as `luge run` would make them: every check first. `hosts` outlives them.
TaskFactory make_task_factory(RunningHosts& hosts, Environment environment);

}  // namespace luge
