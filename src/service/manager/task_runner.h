#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "service/manager/pipeline_task.h"

namespace luge {

/// One task on a thread of its own: made there, run there. Nothing it does, an exception included, reaches other tasks. Thread-safe.
class TaskRunner {
 public:
  /// Starts at once. `ended` is called on the task's thread after it is over, `changed` whenever its state has become another one; neither
  /// must block.
  TaskRunner(PipelineSpec spec, TaskFactory factory, std::function<void()> ended, std::function<void()> changed);
  /// Asks for a stop, and waits for as long as the task takes.
  ~TaskRunner();
  TaskRunner(const TaskRunner&) = delete;
  TaskRunner& operator=(const TaskRunner&) = delete;

  /// Also before the task is made: it then never runs.
  void request_drain();
  void request_stop();
  /// Also before the task is made. Like the others it waits for nothing: whoever asks has other tasks to care for.
  void request_resume();

  TaskStatus status() const;
  /// How it ended; nullopt: it has not yet.
  std::optional<Status> outcome() const;
  const PipelineSpec& spec() const { return spec_; }

 private:
  void run();
  Status run_task();
  std::shared_ptr<PipelineTask> task() const;

  const PipelineSpec spec_;
  const TaskFactory factory_;
  const std::function<void()> ended_;
  const std::function<void()> changed_;

  mutable std::mutex mutex_;                ///< protects what follows
  std::shared_ptr<PipelineTask> task_;      ///< shared with whoever asks it something while it ends
  bool end_requested_ = false;
  bool resume_requested_ = false;           ///< before there was a task
  std::optional<Status> outcome_;
  TaskStatus last_;                         ///< while there is no task: before and after

  std::jthread thread_;                     ///< last: ends before what it uses
};

}  // namespace luge
